-- Metamethods in hot loops: operators, comparisons, chains, errors, yields, changes.
local V = {}
V.__index = V
local function vec(x, y) return setmetatable({x = x, y = y}, V) end
V.__add = function(a, b) return vec(a.x + b.x, a.y + b.y) end
V.__sub = function(a, b) return vec(a.x - b.x, a.y - b.y) end
V.__mul = function(a, b) if type(a) == "number" then return vec(a * b.x, a * b.y) elseif type(b) == "number" then return vec(a.x * b, a.y * b) end return a.x * b.x + a.y * b.y end
V.__div = function(a, b) return vec(a.x / b, a.y / b) end
V.__mod = function(a, b) return vec(a.x % b, a.y % b) end
V.__idiv = function(a, b) return vec(a.x // b, a.y // b) end
V.__pow = function(a, b) return a.x ^ b end
V.__unm = function(a) return vec(-a.x, -a.y) end
V.__eq = function(a, b) return a.x == b.x and a.y == b.y end
V.__lt = function(a, b) return a.x < b.x end
V.__le = function(a, b) return a.x <= b.x end
V.__len = function(a) return a.x end
V.__concat = function(a, b) return (type(a) == "table" and a.x or a) .. "|" .. (type(b) == "table" and b.x or b) end
V.__call = function(self, a, b, ...) return self.x + (a or 0) * (b or 1) + select('#', ...) end
V.__band = function(a, b) return 7 end
V.__shl = function(a, b) return "shl" end
V.__bnot = function(a) return "bnot" end
local acc, eqs, lts, les, lens, cat, calls = vec(0, 0), 0, 0, 0, 0, 0, 0
local s
for i = 1, 400 do
	local v = vec(i, i % 3)
	acc = acc + v * 2 - vec(1, 1) + 3 * v
	acc = acc % 10007
	if v == vec(i, 1) then eqs = eqs + 1 end
	if v ~= vec(i, 2) then eqs = eqs + 100 end
	if v < vec(200, 0) then lts = lts + 1 end
	if v <= vec(i - i % 2, 0) then les = les + 1 end
	if v > acc then lts = lts + 1000 end
	lens = lens + #v
	s = v .. acc
	s = s .. v
	cat = cat + #s
	calls = calls + v(i) + v(i, 2) + v(1, 2, 3, 4) + v()
	local w = -v // 2
	acc = acc + w / 2
	if v & 1 ~= 7 or 1 << v ~= "shl" or ~v ~= "bnot" or v ^ 2 ~= i ^ 2 then print("bad") end
end
print(acc.x, acc.y, eqs, lts, les, lens, cat, calls, s)
-- __index functions and chains
local log = 0
local P = setmetatable({}, {__index = function(t, k) log = log + 1 return k * 2 end})
local Q = setmetatable({}, {__index = P})
local R = setmetatable({}, {__index = function(t, k) return t == R and 1 or rawget(t, "n") end, __newindex = function(t, k, v) rawset(t, k, v + 1) end})
local sum = 0
for i = 1, 300 do
	sum = sum + P[i] + Q[i] + (Q[1.5])
	R["k" .. i % 50] = i
	sum = sum + R["k" .. i % 50] + (R.zzz or 5)
	R.n = (i > 200) and 3 or nil or 0
end
print(sum, log)
-- proxies
local store = {}
local proxy = setmetatable({}, {__index = store, __newindex = store})
for i = 1, 300 do proxy[i] = i proxy.x = (proxy.x or 0) + proxy[i] end
print(rawget(proxy, 1), store.x, #store)
-- __index that changes, and metatables that change
local M = {__index = function(t, k) return 1 end}
local o = setmetatable({}, M)
local c = 0
for i = 1, 400 do
	c = c + o.a
	if i == 200 then M.__index = function(t, k) return 10 end end
	if i == 300 then M.__index = {a = 100} end
	if i == 350 then setmetatable(o, {__index = function() return 1000 end}) end
end
print(c)
-- absent metamethods appear
local E = {}
local e1, e2 = setmetatable({}, E), setmetatable({}, E)
local n = 0
for i = 1, 300 do
	if e1 == e2 then n = n + 1 end
	if i == 150 then E.__eq = function() return true end end
	if i == 250 then E.__eq = nil end
end
print(n)
-- errors in metamethods
local B = setmetatable({}, {__add = function(a, b) if b == 150 then error("at 150") end return b end, __index = function(t, k) error("no " .. k) end})
local function adds() local z = 0 for i = 1, 300 do z = z + (B + i) end return z end
print(pcall(adds))
print(pcall(function() for i = 1, 300 do if i > 250 then local _ = B.field end end end))
print(xpcall(function() for i = 1, 300 do local _ = B + i end end, function(m) return debug.traceback(m, 1) end))
-- yields in metamethods
local Y = setmetatable({}, {__add = function(a, b) if b % 50 == 0 then coroutine.yield(b) end return b end, __lt = function(a, b) if b % 70 == 0 then coroutine.yield(-b) end return b % 2 == 0 end, __index = function(t, k) if k % 90 == 0 then coroutine.yield("i" .. k) end return k end})
local co = coroutine.wrap(function() local z = 0 for i = 1, 300 do z = z + (Y + i) if Y < i then z = z + 1 end z = z + Y[i] end return "end", z end)
local out = {}
while true do local a, b = co() out[#out + 1] = tostring(a) if a == "end" then out[#out + 1] = b break end end
print(table.concat(out, " "))
-- recursion through metamethods
local T = setmetatable({}, {__index = function(t, k) if k < 2 then return k end return t[k - 1] + t[k - 2] end})
print(T[15])
local F = setmetatable({}, {__call = function(self, n) if n < 2 then return n end return self(n - 1) + self(n - 2) end})
print(F(18))
-- multiple results, none
local Z = setmetatable({}, {__add = function() end, __index = function() return 1, 2, 3 end, __call = function(...) return ... end})
local zs = 0
for i = 1, 200 do local a = Z + 1 if a == nil then zs = zs + 1 end zs = zs + Z.q local x, y, z = Z(1, i) zs = zs + y + (z or 0) end
print(zs)
for i = 1, 200 do local t = {Z(i, i)} zs = zs + #t end print(zs)
-- strings as numbers
local st = 0
for i = 1, 200 do st = st + "10" + ("5" * i) st = st - "0x10" end print(st)
print(pcall(function() for i = 1, 200 do local x = {} + i end end))
print(pcall(function() for i = 1, 200 do local x = "a" < i end end))
print(pcall(function() for i = 1, 200 do local x = {} < {} end end))
print(pcall(function() for i = 1, 200 do local x = #5 end end))
print(pcall(function() for i = 1, 200 do local x = "a" .. {} end end))
-- io methods, float keys
local fl = {} for i = 1, 200 do fl[i / 2] = i fl[i + 0.0] = (fl[i + 0.0] or 0) + 1 end
local fs = 0 for k, v in pairs(fl) do fs = fs + k * v end print(fs)
for i = 1, 100 do io.stdout:write(i, i % 20 == 0 and "\n" or " ") end
print(pcall(function() local t = {} for i = 1, 100 do t[i == 90 and 0/0 or i] = 1 end end))
