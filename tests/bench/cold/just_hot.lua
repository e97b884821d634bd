-- Many functions, each called just often enough to be compiled, from nowhere that is.
local functions, calls = 1500, 130
local template = [[
return function(x, t)
  local a = x %% %d
  if a > 3 then a = a + t[a %% 8 + 1] else a = a - t.n end
  t.n = (t.n + a) %% 101
  if t.n > 50 then t[1] = a else t[2] = x end
  local b = a * 3 + t[3]
  if b %% 2 == 0 then b = b // 2 else b = b * 3 + 1 end
  return a + b
end]]
local work, t, total = {}, { 3, 1, 4, 1, 5, 9, 2, 6, n = 0 }, 0
for i = 1, functions do work[i] = load(template:format(7 + i % 5), "=f" .. i)() end
-- A call that no trace follows.
local function apply(f, ...) return select(2, pcall(f, ...)) end
for c = 1, calls do
  for i = 1, functions do total = (total + apply(work[i], c, t)) % 1000003 end
end
print(total)
