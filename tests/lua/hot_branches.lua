-- Loops with several ways through: the ways that are not the first are bridges, which
-- enter the loop in its middle. What the loop knows has to be true of them too.

local N = 400

-- Ways in turn, at random, one rarely.
do
  local a, b, c, s = 0, 0, 0, 7
  for i = 1, N do if i % 2 == 0 then a = a + i else b = b + 3 end end
  for i = 1, N do
    s = (s * 1103515245 + 12345) % 2147483648
    local k = s // 65536 % 5
    if k == 0 then a = a + 1 elseif k == 1 then b = b + i elseif k == 2 then c = c - 1 end
  end
  for i = 1, N do if i % 97 == 0 then a = -a else b = b ~ i end end
  print(a, b, c, s)
end

-- A variable has another type on the other way, for a time or for good.
do
  local s, n = 0, 0
  for i = 1, N do if i % 10 == 0 then s = i + 0.5 elseif i % 10 == 1 then s = i else n = n + s end end
  print(s, n)
  local v
  for i = 1, N do if i % 3 == 0 then v = nil elseif i % 3 == 1 then v = i else v = tostring(v) .. i end end
  print(v)
  local w = 1
  for i = 1, N do if i == N // 2 then w = "x" elseif i % 2 == 0 and w ~= "x" then w = w + 1 end end
  print(w)
end

-- What does not change on one way changes on another: tables, sizes, metatables, constants.
do
  local t, u, s = {1, 2, 3}, {10, 20, 30, 40}, 0
  for i = 1, N do
    s = s + t[i % #t + 1]
    if i % 7 == 0 then t, u = u, t elseif i % 11 == 0 then t[#t + 1] = i end
  end
  print(s, #t, #u)
  local base = {__index = function(_, k) return k end}
  local o, step = {}, 1
  for i = 1, N do
    o[i] = step
    if i % 5 == 0 then setmetatable(o, i % 2 == 0 and base or nil); step = step + 1 end
    s = s + (o[i + 1] or 0)
  end
  print(s, step)
  local h = {}
  for i = 1, N do
    if i % 2 == 0 then h["k" .. i % 50] = i else h.k2 = (h.k2 or 0) + 1 end
  end
  print(h.k2, h.k4, h.k48)
end

-- Stores of one way are read on the other.
do
  local t = {n = 0, m = 0}
  for i = 1, N do
    if i % 2 == 0 then t.n = t.n + t.m else t.m = i end
    if t.n > 1000 then t.n = t.n - 1000; t.m = 0 end
  end
  print(t.n, t.m)
  local a = {}
  for i = 1, N do a[i] = i end
  for i = 2, N - 1 do
    if a[i] % 2 == 0 then a[i + 1] = a[i + 1] + a[i - 1] else a[i - 1] = a[i] end
  end
  print(a[1], a[2], a[N - 2], a[N - 1], a[N])
end

-- Tables that are not made on one way, made on another, kept on a third.
do
  local function add(p, q) return {x = p.x + q.x, y = p.y + q.y} end
  local p, kept = {x = 0, y = 0}, {}
  for i = 1, N do
    if i % 2 == 0 then p = add(p, {x = 1, y = i}) elseif i % 9 == 0 then kept[#kept + 1] = p
    else p = {x = p.y, y = p.x} end
  end
  print(p.x, p.y, #kept, kept[1].x, kept[#kept].y)
  local list
  for i = 1, N do if i % 3 == 0 then list = {i, list} elseif i % 50 == 0 then list = nil end end
  local n = 0
  while list do n = n + list[1]; list = list[2] end
  print(n)
end

-- Captured variables, upvalues.
do
  local count, log = 0, {}
  local function bump(n) count = count + n end
  for i = 1, N do
    local mine = i
    if i % 2 == 0 then bump(mine) else count = count - 1 end
    if i % 40 == 0 then log[#log + 1] = function() mine = mine + 1; return mine + count end end
  end
  print(count, #log, log[1](), log[1](), log[#log]())
  local total = 0
  local fs = {}
  for i = 1, 20 do fs[i] = function(x) if x % 2 == 0 then total = total + i else total = total - x end end end
  for i = 1, N do fs[i % 20 + 1](i) end
  print(total)
end

-- Loops within loops and in functions that are called from bridges.
do
  local function inner(n, odd)
    local s = 0
    for i = 1, n do if i % 2 == (odd and 1 or 0) then s = s + i else s = s - 1 end end
    return s
  end
  local s = 0
  for i = 1, 60 do if i % 2 == 0 then s = s + inner(i, true) else s = s + inner(20, false) end end
  print(s)
  for i = 1, 40 do for j = 1, i % 7 do if (i + j) % 3 == 0 then s = s + j else s = s ~ i end end end
  print(s)
  local function sum(...)
    local n, odd = 0, 0
    for i = 1, select("#", ...) do
      local v = select(i, ...)
      if v % 2 == 0 then n = n + v else odd = odd + 1 end
    end
    return n, odd
  end
  local a, b = 0, 0
  for i = 1, 50 do local x, y = sum(i, i + 1, i + 2, 4, 7, 9); a = a + x; b = b + y end
  print(a, b)
  local function rest(...)
    local s = 0
    for i = 1, 30 do
      local a, b = ...
      if i % 2 == 0 then s = s + a else s = s + b * i end
    end
    return s
  end
  for i = 1, 20 do s = s + rest(i, 2) end
  print(s)
end

-- Errors and other calls that look at the stack, on either way.
do
  local function check(i) if i % 10 == 9 then error("nine " .. i, 0) end return i end
  local good, bad = 0, 0
  for i = 1, N do
    local ok, v = pcall(check, i)
    if ok then good = good + v else bad = bad + #v end
  end
  print(good, bad)
  local s = 0
  local ok, message = pcall(function()
    for i = 1, N do
      if i % 2 == 0 then s = s + i else s = s + (i < 301 and 1 or {}) end
    end
  end)
  print(ok, message, s)
  local co = coroutine.wrap(function()
    local n = 0
    for i = 1, N do if i % 2 == 0 then n = n + i elseif i % 51 == 0 then coroutine.yield(n) end end
    return n
  end)
  print(co(), co(), co())
  local sorted, keys = {}, 0
  for i = 1, N do
    if i % 2 == 0 then sorted[#sorted + 1] = (i * 37) % 101
    elseif i % 25 == 0 then table.sort(sorted, function(a, b) keys = keys + 1; return a < b end) end
  end
  print(#sorted, sorted[1], sorted[#sorted], keys > 0)
end

-- while, repeat, goto, generic for.
do
  local i, s = 0, 0
  while i < N do
    i = i + 1
    if i % 3 == 0 then goto continue end
    s = s + i
    ::continue::
  end
  repeat if i % 2 == 0 then s = s - 1 else s = s + 2 end; i = i - 1 until i <= 0
  print(i, s)
  local t, odd = {}, 0
  for k = 1, 60 do t[k] = k % 4 == 0 and "s" .. k or k end
  for _ = 1, 10 do
    for _, v in ipairs(t) do if type(v) == "string" then s = s + #v elseif v % 2 == 1 then odd = odd + v end end
  end
  print(s, odd)
  local text = ""
  for w in ("a bb ccc "):rep(40):gmatch("%a+") do if #w == 2 then text = w .. #text else text = text .. #w end end
  print(text)
end

-- Floats, strings, integers at their ends.
do
  local x, s = 1.0, ""
  for i = 1, N do if x > 100 then x = x / 3 else x = x * 1.7 + i / 7 end end
  print(string.format("%.9f", x))
  for i = 1, N do if #s > 20 then s = s:sub(-5) else s = s .. string.char(97 + i % 26) end end
  print(s)
  local n = math.maxinteger - 100
  for i = 1, N do if i % 2 == 0 then n = n + 1 else n = n + 2 end end
  print(n)
  for i = math.maxinteger - 60, math.maxinteger do if i % 2 == 0 then n = n ~ i else n = n - 1 end end
  print(n)
  local z = 0.0
  for i = 1, N do if i % 2 == 0 then z = -z else z = z * -1 end end
  print(1 / z < 0 or 1 / z > 0)
end
