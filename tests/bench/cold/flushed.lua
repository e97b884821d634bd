-- A program that throws its compiled code away again and again.
local found, jit = pcall(require, "jit")
local flush = found and jit.flush or function() end
local function f(n, t)
  local s = 0
  for i = 1, n do s = (s * 3 + t[i % 8 + 1]) % 10007 if s % 3 == 0 then s = s + 1 end end
  return s
end
local total = 0
for i = 1, 3000 do
  total = total + f(400, { 3, 1, 4, 1, 5, 9, 2, 6 })
  if i % 2 == 0 then flush() end
end
print(total)
