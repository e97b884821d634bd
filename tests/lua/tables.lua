-- Tables: keys of all kinds, growth, removal, next, length, and the table library.
-- The order of pairs over hash parts is nobody's promise: it is sorted here.

local function try(f, ...)
	local r = table.pack(pcall(f, ...))
	for i = 1, r.n do
		r[i] = type(r[i]) == "table" and "{" .. table.concat(r[i], ",") .. "}" or tostring(r[i])
	end
	return table.concat(r, " ", 1, r.n)
end
local function dump(t)
	local keys = {}
	for k, v in pairs(t) do
		keys[#keys + 1] = math.type(k) == "float" and string.format("%.17gf=%s", k, tostring(v)) or type(k) .. ":" .. tostring(k) .. "=" .. tostring(v)
	end
	table.sort(keys)
	return "{" .. table.concat(keys, " ") .. "}"
end

-- Keys: floats with an integer value are integers.
local t = {}
t[1] = "int" t[1.0] = "same" t[2.5] = "float" t["1"] = "string" t[true] = "true" t[false] = "false" t[-1] = "neg" t[0] = "zero" t[-0.0] = "still zero"
t[2 ^ 53] = "big" t[math.maxinteger] = "max" t[math.mininteger] = "min" t[2 ^ 63] = "float 2^63" t[math.huge] = "inf" t[-math.huge] = "-inf" t[""] = "empty" t["\0"] = "nul" t[1e300] = "1e300"
print(dump(t):gsub("\0", "0"))
print(t[1], t[1.0], t["1"], t[2.5], t[true], t[false], t[0], t[-0.0], t[1 << 53], t[2 ^ 53], t[math.maxinteger + 0.0], t[-2 ^ 63], t[math.maxinteger], t[nil], t[0 / 0])
print(try(function() t[nil] = 1 end), try(function() t[0 / 0] = 1 end), try(rawset, t, nil, 1), try(rawset, t, 0 / 0, 1), try(rawget, 1, 1), try(rawlen, 5), rawlen({ 1, 2 }), rawlen("abc"))
for k in pairs(t) do t[k] = nil end
print(next(t), dump(t))

-- Constructors.
local function three() return 1, 2, 3 end
print(dump({ three() }), dump({ three(), 10 }), dump({ (three()) }), dump({ x = 1, [2] = "b", "a", three() }), dump({ [1] = "k", "l" }), dump({ three(), three(), nil }))
print(#{ 1, 2, nil }, #{ 1, 2, nil, 4 }, #{ nil, nil, 3 }, #{ n = 1 }, #{ [1] = 1, [2] = 2 }, #{ table.unpack({ 1, nil, 3 }) }, #"", #{ three(), nil })
local big = load("return {" .. ("7,"):rep(1000) .. "x = 1, [3.5] = 2}")()
print(#big, big[1], big[1000], big.x, big[3.5], big[1001])

-- Growth by appending, by counting down, with strides; removal; length.
for _, order in ipairs({ "up", "down", "stride", "float keys" }) do
	local t = {}
	local n = 1000
	for i = 1, n do
		if order == "up" then t[i] = i
		elseif order == "down" then t[n + 1 - i] = n + 1 - i
		elseif order == "stride" then local k = i * 7 % 1009 + 1 if k <= n then t[k] = k end t[i] = t[i] or i
		else t[i + 0.0] = i end
	end
	local sum, count = 0, 0
	for k, v in pairs(t) do sum = sum + v * (k % 10) count = count + 1 end
	print(order, #t, sum, count)
	for i = n, n // 2 + 1, -1 do t[i] = nil end
	print(order, #t, t[n // 2], t[n // 2 + 1])
	for i = 1, n // 2 do t[i] = nil end
	print(order, #t, next(t))
end

-- A table that is used as queue, stack, set, and with changing kinds of keys.
local q, head, tail = {}, 1, 0
local log = 0
for i = 1, 5000 do
	tail = tail + 1 q[tail] = i
	if i % 3 ~= 0 then log = log * 31 + q[head] & 0xffffff q[head] = nil head = head + 1 end
end
print(log, tail - head + 1, q[head], q[tail], q[head - 1])
local set, size = {}, 0
local seed = 12345
local function random(n) seed = seed * 1103515245 + 12345 & 0x7fffffff return (seed >> 8) % n end
for i = 1, 30000 do
	local kind, k = random(6), random(500)
	if kind == 0 then k = k elseif kind == 1 then k = "s" .. k elseif kind == 2 then k = k + 0.5 elseif kind == 3 then k = -k elseif kind == 4 then k = k << 32 else k = k % 2 == 0 end
	if random(3) == 0 then
		if set[k] then size = size - 1 end
		set[k] = nil
	else
		if not set[k] then size = size + 1 end
		set[k] = i
	end
end
local count, sum = 0, 0
for k, v in pairs(set) do count = count + 1 sum = sum + v end
print(size == count, count, sum)

-- next: all keys once, with removal on the way and changed values.
local t = {}
for i = 1, 100 do t[i] = i t["x" .. i] = -i end
local n = 0
for k, v in next, t do n = n + 1 if n % 2 == 0 then t[k] = nil else t[k] = v * 2 end end
local s = 0
for k, v in pairs(t) do s = s + 1 end
print(n, s)
local k, c = nil, 0
repeat k = next(t, k) c = c + 1 until k == nil
print(c)
print(next({}), next({ 5 }), next({ 5 }, 1), next({ x = 1 }), try(next), try(next, 1), try(next, { 1, 2 }, 3), rawequal(next({ x = 1 }, "x"), nil))
print(try(next, { 10, 20 }, 1.5))

-- table.insert, remove
local a = { "a", "b", "c" }
table.insert(a, "d") table.insert(a, 1, "z") table.insert(a, 3, "m") table.insert(a, #a + 1, "e")
print(table.concat(a, " "), table.remove(a), table.remove(a, 1), table.remove(a, 2), table.concat(a, " "))
print(try(table.insert, { 1 }, 3, 0), try(table.insert, { 1 }, 0, 0), try(table.insert, { 1 }, 1, 2, 3), try(table.insert, { 1 }), try(table.insert, 1, 2), try(table.insert, { 1 }, 1.5, 2), try(table.insert, nil))
print(table.remove({}), table.remove({}, 0), try(table.remove, { 1, 2 }, 5), table.remove({ 1, 2 }, 3), try(table.remove, {}, -1), table.remove({ [0] = "zero" }, 0), #a)
while #a > 0 do io.write(table.remove(a, 1), ",") end print(table.remove(a))
local d = setmetatable({}, { __index = function(_, i) return i <= 3 and i * 10 or nil end, __len = function() return 3 end, __newindex = function(t, k, v) io.write("<", k, "=", tostring(v), ">") end })
table.insert(d, "new") print(table.remove(d), table.concat(d, " "))

-- table.move
print(table.concat(table.move({ 1, 2, 3 }, 1, 3, 2), " "), table.concat(table.move({ 1, 2, 3 }, 2, 3, 1), " "), table.concat(table.move({ 1, 2, 3 }, 1, 3, 1, {}), " "), table.concat(table.move({ 1, 2, 3 }, 1, 0, 5), " "))
print(try(table.move, { 1 }, 1, math.maxinteger, 2), try(table.move, { 1 }, -1, math.maxinteger, 2), try(table.move, { 1 }, math.mininteger, -1, 2), try(table.move, {}, 1, 2), try(table.move, 1, 1, 1, 1), #table.move({ 1, 2, 3 }, 1, 3, 10))
print(dump(table.move({ [math.maxinteger] = "m" }, math.maxinteger, math.maxinteger, math.mininteger, {})))

-- table.unpack, pack, select
print(table.unpack({ 1, 2, 3 })) print(table.unpack({ 1, 2, 3 }, 2)) print(table.unpack({ 1, 2, 3 }, 2, 5)) print(table.unpack({}, 1, 3)) print(table.unpack({ 1 }, 2, 1)) print(table.unpack("abc", 1, 2))
print(try(table.unpack, {}, 1, 1e7), try(table.unpack, {}, 1, 1 << 62), try(table.unpack, {}, math.mininteger, math.maxinteger), table.unpack({ [math.maxinteger] = 5 }, math.maxinteger, math.maxinteger))
print(select("#", table.unpack({}, 1, 200)), table.pack().n, table.pack(nil).n, table.pack(1, nil, nil).n, select(-1, 1, 2, 3), select(2, "a", "b", "c"))
print(#table.pack(table.unpack({}, 1, 0)), select("#"), select("#", nil), try(select, 0), try(select, -2, 1), select(5, 1))

-- sort
local function shuffled(n)
	local t = {}
	for i = 1, n do t[i] = i end
	for i = n, 2, -1 do local j = random(i) + 1 t[i], t[j] = t[j], t[i] end
	return t
end
for _, n in ipairs({ 0, 1, 2, 3, 4, 5, 10, 100, 101, 1000, 3000 }) do
	local t = shuffled(n)
	table.sort(t)
	local ok = true
	for i = 1, n do ok = ok and t[i] == i end
	local u = shuffled(n)
	local calls = 0
	table.sort(u, function(a, b) calls = calls + 1 return a > b end)
	for i = 1, n do ok = ok and u[i] == n + 1 - i end
	print(n, ok, calls)
end
print(table.concat((function(t) table.sort(t) return t end)({ "b", "a", "B", "", "ab", "aa", "10", "9" }), " "), table.concat((function(t) table.sort(t) return t end)({ 3, 1.5, -2, 2 ^ 53, 0.5, math.huge, -math.huge }), " "))
print(try(table.sort, { 1, "x", 2 }), try(table.sort, { {}, {} }), try(table.sort, { 1, 2, 3 }, function() error("cmp", 0) end), try(table.sort, { 3, 2, 1 }, 5), try(table.sort, { 1, nil, 3, n = 3 }))
local bad = {} for i = 1, 200 do bad[i] = i % 7 end
print(try(table.sort, bad, function(a, b) return true end))
print(try(table.sort, bad, function(a, b) return a <= b end))
local equal = {} for i = 1, 300 do equal[i] = { i % 3, i } end
table.sort(equal, function(x, y) return x[1] < y[1] end)
local sum = 0 for i, e in ipairs(equal) do sum = sum * 7 + e[2] * i & 0xffffffff end print(sum)
print(try(table.sort, setmetatable({}, { __len = function() return math.maxinteger end })), try(table.concat, setmetatable({}, { __len = function() return "x" end })))

-- Length of other borders: with __len, of strings; # and nil at the end.
local t = {}
for i = 1, 20 do t[#t + 1] = i end
t[#t] = nil t[#t] = nil
print(#t, t[#t], t[#t + 1])
for i = 1, 10 do t[#t + 1] = #t end
print(#t, table.concat(t, " "))

-- Many tables, each small: with and without an array part.
local all = {}
for i = 1, 2000 do all[i] = i % 3 == 0 and { i } or i % 3 == 1 and { x = i, y = -i } or { i, i + 1, k = i } end
local s = 0
for i, t in ipairs(all) do s = s + (t[1] or 0) + (t[2] or 0) + (t.x or 0) + (t.y or 0) + (t.k or 0) end
print(s)

-- Long strings and constants as keys; more fields than an instruction can name.
local wide = {}
for i = 1, 600 do wide["field" .. i] = i end
local src = {} for i = 1, 600 do src[i] = "t.field" .. i end
print(load("local t = ... return " .. table.concat(src, " + "))(wide))
local src = {} for i = 1, 300 do src[i] = "t[" .. i * 3 .. "] = " .. i .. " t." .. "f" .. i .. " = '" .. i .. "'" end
load("local t = ... " .. table.concat(src, " "))(wide)
print(wide[900], wide[3], wide.f300, wide[255], wide[258])
