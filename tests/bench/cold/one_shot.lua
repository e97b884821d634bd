-- Code that is loaded, runs a loop that just gets hot, and is dropped.
local rounds = tonumber(arg and arg[1]) or 4000
local template = [[
local t, n = ...
local a, b = %d, 1
for i = 1, n do
  a = (a * 3 + b) %% 1013
  if a > %d then b = b + t[i %% 8 + 1] else b = b - 1 end
end
return a + b]]
local numbers, total = { 3, 1, 4, 1, 5, 9, 2, 6 }, 0
for i = 1, rounds do
  total = total + load(template:format(i % 29, 300 + i % 400))(numbers, 150)
end
print(total)
