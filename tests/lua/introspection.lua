-- What a program sees of itself while its loops are hot: code, names, lines, hooks,
-- local variables. A JIT must not be seen through any of it.

local function checksum(s)
  local h = #s
  for i = 1, #s do h = (h * 31 + s:byte(i)) & 0xffffffffffff end
  return string.format("%d bytes, %x", #s, h)
end

-- ---- string.dump: the code as it was compiled --------------------------------------------------

local loops = {
  numeric = function(n) local s = 0 for i = 1, n do s = s + i end return s end,
  float = function(n) local s = 0 for i = 1.0, n do s = s + i end return s end,
  down = function(n) local s = 0 for i = n, 1, -2 do s = s + i end return s end,
  ipairs = function(n) local s, t = 0, {} for i = 1, n do t[i] = i end for i, v in ipairs(t) do s = s + i * v end return s end,
  pairs = function(n) local s, t = 0, {} for i = 1, n do t["k" .. i] = i end for _, v in pairs(t) do s = s + v end return s end,
  ["while"] = function(n) local s = 0 while n > 0 do s = s + n n = n - 1 end return s end,
  ["repeat"] = function(n) local s = 0 repeat s = s + n n = n - 1 until n <= 0 return s end,
  ["goto"] = function(n) local s = 0 ::again:: s = s + n n = n - 1 if n > 0 then goto again end return s end,
  continue = function(n) local s = 0 for i = 1, n do if i % 3 == 0 then goto next end s = s + i ::next:: end return s end,
  nested = function(n) local s = 0 for i = 1, n do for j = 1, 5 do if j == i % 5 then break end s = s + j end end return s end,
  first = function(...) while select("#", ...) < 0 do end local s = 0 for i = 1, ... do s = s + i end return s end,
  recursive = function(n) local function f(x) if x < 2 then return x end return f(x - 1) + f(x - 2) end return f(12) + n end,
  -- Compilers tend to leave these alone, sooner or later.
  closures = function(n) local s = 0 for i = 1, n do local f = function() i = i + 1 return i end s = s + f() end return s end,
  protected = function(n) local s = 0 for i = 1, n do s = s + (pcall(error, i) and 1 or 2) end return s end,
  loading = function(n) local s = 0 for i = 1, n do s = s + load("return " .. i % 7)() end return s end,
  coroutines = function(n) local s = 0 for v in coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) do s = s + v end return s end,
  iterator = function(n) local s = 0 for v in function(_, i) i = (i or 0) + 1 if i <= n then return i end end do s = s + v end return s end,
}

local names = {}
for name in pairs(loops) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  local f = loops[name]
  local before, stripped = string.dump(f), string.dump(f, true)
  local result
  for _ = 1, 5 do result = f(200) end
  local same = string.dump(f) == before and string.dump(f, true) == stripped
  local copy = load(string.dump(f, true))
  for i = 1, 10 do
    local upvalue = debug.getupvalue(f, i)
    if not upvalue then break end
    debug.upvaluejoin(copy, i, f, i)
  end
  print(name, result, same, checksum(before), checksum(stripped), copy(150) == f(150))
end

-- The whole chunk, which is running, and has hot loops too.
local chunk = debug.getinfo(1, "f").func
local all = string.dump(chunk)
for i = 1, 300 do all = all .. "" end
print(string.dump(chunk) == all, checksum(all))

-- ---- Names in error messages -----------------------------------------------------------------

local function errors(n)
  local t, s, u, absent = { x = { y = 1 }, [1] = 5 }, 0, "text", nil
  local key = "field"
  local messages = {}
  local function try(f) messages[#messages + 1] = select(2, pcall(f)) end
  for i = 1, n do s = s + i end
  while s > n do s = s // 2 end
  repeat s = s + 1 until s > 200
  for _, v in pairs(t) do s = s + 1 end
  try(function() for i = 1, n do s = s + i end local a = t.x.z.w end)
  try(function() for i = 1, n do s = s + i end t.nothing() end)
  try(function() for i = 1, n do s = s + i end t:method() end)
  try(function() for i = 1, n do s = s + i end absent.x = 1 end)
  try(function() for i = 1, n do s = s + i end local l = {} for j = 1, n do s = s + j end return l .. "x" end)
  try(function() for i = 1, n do s = s + i end return t[key][key] end)
  try(function() for i = 1, n do s = s + i end undefined_global(s) end)
  try(function() for i = 1, n do s = s + i end return undefined_global.x end)
  try(function() for i = 1, n do if i == n - 1 then u = u + i end end end)
  try(function() for i = 1, n do if i == n - 1 then s = s + t.x end end end)
  try(function() for i = 1, n do if i == n - 1 then s = s < u end end end)
  try(function() for i = 1, n do if i == n - 1 then s = #i end end end)
  try(function() for i = 1, n do if i == n - 1 then s = s | 1.5 end end end)
  try(function() for i = 1, n do if i == n - 1 then s = 1 // 0 * (i // (i - i)) end end end)
  try(function() for i = 1, "x" do s = s + i end end)
  try(function() local i = 0 while true do i = i + 1 if i == n then i.field.other = 1 end end end)
  try(function() local i = 0 repeat i = i + 1 if i == n then local v = i.x end until i > n end)
  try(function() for k, v in pairs(t), nil, nil do if v == 5 then k = v.x.y end end end)
  try(function() for i = 1, n do error("thrown at " .. (i == n and "the end" or error("at once", 2))) end end)
  try(function() for i = 1, n do if i == n then setmetatable({}, { __index = function(_, k) error("in index " .. k) end }).abc = t.q.r end end end)
  return messages
end
for _, message in ipairs(errors(300)) do print(message) end

-- ---- Tracebacks ------------------------------------------------------------------------------

local function deepest(i, n)
  if i == n then error("deep") end
  return i
end
local function middle(i, n)
  local r = deepest(i, n)
  return r + 1
end
local function outer(n)
  local s = 0
  for i = 1, n do
    s = s +
      middle(i, n)
  end
  return s
end
print(xpcall(outer, debug.traceback, 200))
print(outer(199 + 0.5) > 0)
print(xpcall(outer, debug.traceback, 150))

local object = setmetatable({ n = 0 }, { __index = {
  add = function(self, x) self.n = self.n + x return self end,
} })
print(xpcall(function()
  for i = 1, 300 do
    object:add(1)
      :add(i == 290 and "x" or 2)
  end
end, debug.traceback))
print(object.n)

local co = coroutine.create(function()
  local s = 0
  for i = 1, 1000 do
    s = s + i
    if i % 150 == 0 then
      coroutine.yield(s)
    end
  end
end)
for _ = 1, 4 do print(coroutine.resume(co)) end
print(debug.traceback(co))
print(debug.getinfo(co, 1, "l").currentline, debug.getlocal(co, 1, 1))

-- ---- Lines -----------------------------------------------------------------------------------

local function lines(n)
  local seen = {}
  for i = 1, n do
    seen[debug.getinfo(1, "l").currentline] = true
    seen[debug.getinfo(1, "l").currentline] = i; seen[
      debug.getinfo(1, "l").currentline] = i
  end
  local list = {}
  for line in pairs(seen) do list[#list + 1] = line end
  table.sort(list)
  return table.concat(list, " ")
end
print(lines(200))

local function active(f)
  local list = {}
  for line in pairs(debug.getinfo(f, "L").activelines) do list[#list + 1] = line end
  table.sort(list)
  return table.concat(list, " ")
end
print(active(outer), active(errors), active(loops.nested))

-- ---- Hooks -----------------------------------------------------------------------------------

local function work(n)
  local s = 0
  for i = 1, n do
    if i % 2 == 0 then
      s = s + i
    else
      s = s - 1
    end
  end
  local j = 0
  while j < n do
    j = j + 1
  end
  for _, v in ipairs({ 1, 2, 3 }) do
    s = s + v
  end
  return s + j
end
for _ = 1, 10 do work(100) end

local function by_line(f, ...)
  local list = {}
  debug.sethook(function(_, line) list[#list + 1] = line end, "l")
  f(...)
  debug.sethook()
  return table.concat(list, " ")
end
local function by_count(count, f, ...)
  local n, list = 0, {}
  debug.sethook(function() n = n + 1 if n % 7 == 0 then list[#list + 1] = debug.getinfo(2, "l").currentline end end, "", count)
  f(...)
  debug.sethook()
  return n .. ": " .. table.concat(list, " ")
end
local function by_call(f, ...)
  local list = {}
  debug.sethook(function(event) local i = debug.getinfo(2, "nl") list[#list + 1] = event .. " " .. tostring(i.name) .. " " .. i.currentline end, "cr")
  f(...)
  debug.sethook()
  return table.concat(list, ", ")
end
print(by_line(work, 5))
print(by_line(outer, 3.5))
print(by_count(1, work, 20))
print(by_count(3, work, 50))
print(by_count(100, work, 500))
print(by_call(outer, 3.5))
print(by_line(loops.closures, 3), by_line(loops.protected, 3))
print(by_count(2, loops.iterator, 10), by_count(2, loops["while"], 10), by_count(2, loops["goto"], 10))
for _ = 1, 10 do work(100) end
print(by_line(work, 5))

-- Set and taken away while the loop runs.
local function hooked_inside(n)
  local hits = 0
  local function hook() hits = hits + 1 end
  for i = 1, n do
    if i == n - 20 then debug.sethook(hook, "l") end
    local x = i
    if i == n - 10 then debug.sethook() end
  end
  local first = hits
  for i = 1, n do
    if i == 100 then debug.sethook(hook, "", 5) end
    if i == 200 then debug.sethook() end
  end
  return first, hits
end
print(hooked_inside(300))
print(hooked_inside(300))

-- Errors thrown by a hook in a loop that is hot.
local function endless()
  local i = 0
  while true do i = i + 1 end
end
for _ = 1, 3 do
  debug.sethook(function() debug.sethook() error("enough") end, "", 10007)
  print(pcall(endless))
end

-- A hook of another coroutine only.
local other = coroutine.wrap(function() for _ = 1, 3 do coroutine.yield(work(60)) end end)
local counted = 0
debug.sethook(function() counted = counted + 1 end, "", 1)
debug.sethook()
print(other(), other(), counted)

-- ---- Variables -------------------------------------------------------------------------------

local function spy(level)
  local list = {}
  for i = 1, 20 do
    local name, value = debug.getlocal(level + 1, i)
    if not name then break end
    if name:sub(1, 1) ~= "(" then list[#list + 1] = name .. "=" .. tostring(value) end
  end
  return table.concat(list, " ")
end
local function spied(n)
  local a, b = 0, "b"
  for i = 1, n do
    a = a + i
    local inner <const> = a * 2
    if i % 70 == 0 then b = spy(1) .. "|" .. #b end
  end
  return a, b
end
print(spied(300))

local function poke(level, name, value)
  for i = 1, 20 do
    local found = debug.getlocal(level + 1, i)
    if not found then break end
    if found == name then debug.setlocal(level + 1, i, value) end
  end
end
local function poked(n)
  local step, s = 1, 0
  for i = 1, n do
    s = s + step
    if i % 60 == 0 then poke(1, "step", step * 2) end
    if i == n - 10 then poke(1, "step", 0.5) end
  end
  return s, step
end
print(poked(300))

local limit = 10
local function reads_limit(n)
  local s = 0
  for i = 1, n do
    s = s + limit
    if i % 100 == 0 then debug.setupvalue(debug.getinfo(1, "f").func, 1, limit + 1) end
  end
  return s
end
for i = 1, 5 do
  local name = debug.getupvalue(reads_limit, i)
  if not name then break end
  print(name)
end
print(reads_limit(450), limit)

-- A finalizer looks around from inside a loop.
local seen = {}
local function collecting(n)
  local here = 0
  for i = 1, n do
    local garbage = { i }
    if i == 150 then
      setmetatable({}, { __gc = function() seen[#seen + 1] = debug.getinfo(1, "S").what end })
      collectgarbage()
    end
    here = here + #garbage
  end
  return here
end
print(collecting(400), #seen, seen[1])
