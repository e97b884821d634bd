-- Traces of each kind: loops, bridges, traces that are given up. Prints the sum of what it did.
local sum, parts, found, jit = 0, {}, pcall(require, "jit")
if found then jit.opt.start "budget=0" end
for i = 1, 1000 do
  if i % 3 == 0 then
    sum = sum + i
  elseif i % 5 == 0 then
    sum = sum - 1
  end
end

local function double(x)
  local y = x * 2
  return y
end

local i = 0
while i < 500 do
  i = i + 1
  sum = sum + double(i)
  parts[#parts + 1] = "n" .. i % 10
end

-- Compiled without its outer loop, or with it.
for n = 1, 30 do
  for m = 1, 30 do sum = sum + n * m % 7 end
end

-- Given up: in the turn that is recorded there is an error.
local function failing(n)
  for m = 1, 2 do
    if m == 2 then error("on purpose") end
    sum = sum + n
  end
end
for n = 1, 400 do
  if pcall(failing, n) then sum = 0 end
end

print(sum, #table.concat(parts))
