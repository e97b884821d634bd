-- Small programs whose loops are compiled at once; each returns what it computed.
return {
integers = [[
local a, b, c = 1, 7, 0
for i = 1, 60 do
  a = a * 3 + i; b = b ~ (a >> 3); c = c + (b & 0xff) - i // 3 + a % 17
  if c > 1000 then c = c - (i << 2) end
end
return a, b, c
]],
division = [[
local s, d = 0, 3
for i = -40, 40 do
  if i ~= 0 then s = s + d // i + d % i + i // 4 * 5 + i % 8 - i % -3 end
  d = d + 7
end
return s, d
]],
floats = [[
local x, y, n = 1.5, 0.25, 0
for i = 1, 70 do
  x = x / 4 + i; y = y * 1.5 - x / 3
  if y < -100 then y = y + 90.5; n = n + 1 end
end
return x, y, n, x // 1, -y % 2.5
]],
mixed = [[
local s, f = 0, 0.5
for i = 1, 60 do
  f = f + i; s = s + (i > f and 1 or 2)
  if f == 100.5 then s = s * 2 end
  if i % 2 == 0 then f = f - i / 2 end
end
return s, f
]],
arrays = [[
local t, s = {}, 0
for i = 1, 60 do t[i] = i * i end
for i = 2, #t do t[i] = t[i] - t[i - 1] + (t[i // 2] or 0) end
for i = 1, #t do s = s + t[i] * i end
return s, #t, t[7]
]],
float_arrays = [[
local a, b, s = {}, {}, 0.0
for i = 1, 50 do a[i] = i / 2; b[i] = 50 - i + 0.25 end
for k = 1, 3 do for i = 1, 50 do s = s + a[i] * b[i]; a[i] = a[i] + k end end
return s
]],
hashes = [[
local t = {x = 1, y = 2.5, n = 0, name = "a"}
for i = 1, 60 do
  t.x = t.x + t.n; t.n = t.n + 1; t.y = t.y * 0.5 + t.x
  if t.n == 20 then t.name = "b" end
end
return t.x, t.y, t.n, t.name
]],
new_keys = [[
local t, n = {}, 0
for i = 1, 60 do t["k" .. i % 9] = (t["k" .. i % 9] or 0) + i; t[-i] = i end
for k, v in pairs(t) do n = n + v end
return n, t.k3, t[-5]
]],
objects = [[
local P = {} P.__index = P
function P.new(x, y) return setmetatable({x = x, y = y}, P) end
function P:add(o) return P.new(self.x + o.x, self.y - o.y) end
function P:len() return self.x * self.x + self.y * self.y end
local p, q, s = P.new(1, 2), P.new(3, -1), 0
for i = 1, 50 do p = p:add(q); s = s + p:len() % 1000; if i % 10 == 0 then q = P.new(i, 1) end end
return p.x, p.y, s
]],
virtuals = [[
local function point(x, y) return {x = x, y = y} end
local s, kept = 0, {}
for i = 1, 60 do
  local p, pair = point(i, i * 2), {i, {i + 1}}
  p.x = p.x + pair[2][1]
  if i % 7 == 0 then kept[#kept + 1] = p; p.y = -1 end
  if i % 11 == 0 then kept[#kept + 1] = pair end
  s = s + p.x * p.y - pair[1]
end
for _, p in ipairs(kept) do s = s * 3 + (p.x or p[1]) + (p.y or p[2][1]) end
return s, #kept
]],
upvalues = [[
local n, log = 0, {}
local function count(k) n = n + k; return n end
local function apply(f, x) return f(x) + 1 end
local s = 0
for i = 1, 50 do s = s + apply(count, i) end
for i = 1, 20 do log[#log + 1] = function() n = n + i; return n end end
for i = 1, #log do s = s + log[i]() end
return n, s
]],
strings = [[
local s, n = "", 0
for i = 1, 40 do
  local c = string.char(97 + i % 26)
  s = s .. c
  if s:sub(-1) == "d" then n = n + #s end
  n = n + s:byte(i)
end
return s, n
]],
compare = [[
local words, n = {"a", "bb", "ab", "b", "abc", "a"}, 0
for i = 1, 60 do
  local x, y = words[i % 6 + 1], words[i % 5 + 1]
  if x < y then n = n + 1 elseif x == y then n = n + 10 else n = n - 1 end
end
return n
]],
library = [[
local s = 0
for i = 1, 50 do
  s = s + math.floor(i / 3) + math.max(i, 25) - math.min(i, 7) + math.abs(i - 20)
  s = s + math.sqrt(i) // 1 + (tonumber("1" .. i % 10)) + select("#", i, s)
end
return s
]],
lists = [[
local t, s = {}, 0
for i = 1, 50 do table.insert(t, i * 2); if i % 3 == 0 then s = s + table.remove(t) end end
for i, v in ipairs(t) do s = s + i * v end
return s, #t
]],
nested = [[
local s = 0
for i = 1, 12 do for j = i, 12 do if (i + j) % 3 == 0 then s = s + i * j else s = s - 1 end end end
local k = 0
while k < 40 do k = k + 1; repeat s = s + k; k = k + 2 until k % 5 == 0 or k > 30 end
return s, k
]],
recursion = [[
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local s = 0
for i = 1, 10 do s = s + fib(i) end
return s
]],
varargs = [[
local function sum(...) local s = 0 for i = 1, select("#", ...) do s = s + (select(i, ...)) end return s, ... end
local n = 0
for i = 1, 40 do local a, b = sum(i, 2, i * 2); n = n + a - b end
return n
]],
residual = [[
local out, n = {}, 0
for i = 1, 40 do
  out[#out + 1] = ("%d:%s"):format(i, i % 2 == 0); n = n + #table.concat(out, ",", #out)
  local ok, err = pcall(error, i); if not ok then n = n + err end
end
return n, out[7]
]],
sieve = [[
local p, n = {}, 0
for i = 2, 90 do p[i] = true end
for i = 2, 90 do if p[i] then n = n + 1; for j = i * i, 90, i do p[j] = false end end end
return n
]],
types = [[
local v, n = 1, 0
for i = 1, 60 do
  if i == 20 then v = 1.5 elseif i == 40 then v = "7" end
  n = n + v * 2
end
return n
]],
wrap = [[
local a, b = math.maxinteger - 30, math.mininteger + 30
local n = 0
for i = 1, 60 do a = a + 1; b = b - 1; if a < b then n = n + 1 end; n = n ~ (a * b) end
return a, b, n
]],
special = [[
local x, n = 1e308, 0
for i = 1, 40 do
  x = x * 1.5; local y = x - x
  if y ~= y then n = n + 1 end
  if x == 1 / 0 then n = n + 10; x = -0.0 end
  if 1 / x < 0 then x = 3e307 end
end
return x, n, tostring(-0.0 * n)
]],
}
