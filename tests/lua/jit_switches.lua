-- Functions are switched off and on and their traces flushed while they run, from
-- loops that are traced, from inside traces, recursions and coroutines. Where there is
-- no JIT nothing is switched: the results are the same.
local found, jit = pcall(require, "jit")

if not found or not jit.flush then
  local function nothing() end
  jit = { on = nothing, off = nothing, flush = nothing, status = function() return false end }
end

local seed = 7
local function random(n)
  seed = (seed * 1103515245 + 12345) % 0x80000000
  return seed // 65536 % n + 1
end

-- ---- Called from each other ------------------------------------------------

local function leaf(x)
  local s = 0
  for i = 1, x % 7 do s = s + i * x end
  return s
end

local function middle(x)
  if x % 3 == 0 then return leaf(x) + 1 end
  local s = 0
  for i = 1, 5 do s = s + leaf(x + i) end
  return s
end

local function top(n)
  local s = 0
  for i = 1, n do
    s = (s + middle(i)) % 1000003
    if i % 2 == 0 then s = s + leaf(i) end
  end
  return s
end

local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

local function tail(n, s)
  if n == 0 then return s end
  return tail(n - 1, s + n)
end

local all = { leaf, middle, top, fib, tail }
print(top(300), fib(15), tail(500, 0))

for _, f in ipairs(all) do
  jit.off(f)
  print(top(300), fib(15), tail(500, 0))
  jit.on(f)
  print(top(300), fib(15), tail(500, 0))
  jit.flush(f)
  print(top(300), fib(15), tail(500, 0))
end

-- ---- In the middle of what is compiled --------------------------------------

local switches = {
  function(f) jit.off(f) end,
  function(f) jit.on(f) end,
  function(f) jit.flush(f) end,
  function() jit.flush(random(40)) end,
  function() jit.flush() end,
  function(f) jit.on(f) end,
}

local function one_of_them()
  switches[random(#switches)](all[random(#all)])
end

local function switching(n)
  local s = 0
  for i = 1, n do
    s = s + leaf(i)
    if random(23) == 1 then one_of_them() end
    s = (s + middle(i)) % 1000003
  end
  return s
end

local function deep(n)
  if n == 0 then
    one_of_them()
    return top(20)
  end
  return deep(n - 1) % 1000003 + leaf(n) + fib(n % 5)
end

all[#all + 1] = switching
all[#all + 1] = deep
all[#all + 1] = one_of_them
for n = 1, 30 do
  print(switching(120), deep(n), fib(12), tail(100, n))
end

-- ---- With inner functions; the function that asks ------------------------------

local function outer(n)
  local function inner(x) return x * 2 end
  local s = 0
  for i = 1, n do s = s + inner(i) end
  return s, inner
end

for _, rest in ipairs { { true }, { false }, {} } do
  jit.off(outer, table.unpack(rest))
  print((outer(200)))
  jit.on(outer, table.unpack(rest))
  print((outer(200)))
  jit.flush(outer, table.unpack(rest))
  print((outer(200)))
end

local function switches_itself(n)
  local s = 0
  for i = 1, n do
    s = s + i
    if i == 50 or i == 250 then jit.off(true) end
    if i == 150 or i == 350 then jit.on(true, true) end
    if i == 200 or i == 400 then jit.flush(true) end
  end
  return s
end
print(switches_itself(500), switches_itself(500), switches_itself(500))

-- ---- In coroutines -----------------------------------------------------------------

local function numbers(n)
  return coroutine.wrap(function()
    for i = 1, n do
      if random(17) == 1 then one_of_them() end
      coroutine.yield(leaf(i))
    end
  end)
end

local s = 0
for x in numbers(400) do s = s + x + fib(x % 7) end
print(s)

-- ---- Functions that go while their traces are flushed ------------------------------

for i = 1, 60 do
  local f = load("local s = ... for i = 1, 50 do s = s + i * " .. i .. " end return s")
  local n = f(1)
  if i % 3 == 0 then jit.off(f) elseif i % 3 == 1 then jit.flush(f) end
  n = n + f(2)
  jit.on(f)
  f = nil
  if i % 10 == 0 then collectgarbage() print(n) end
end
