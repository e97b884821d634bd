-- table.unpack and table.pack in hot loops, and what else became operations with them.
local unpack, pack = table.unpack, table.pack
local function show(...)
	local p = pack(...)
	for i = 1, p.n do p[i] = tostring(p[i]) end
	print(p.n, table.concat(p, " "))
end
local function sum(...)
	local s = select("#", ...)
	for i = 1, select("#", ...) do s = s + ((select(i, ...)) or 1000) end
	return s
end
-- the same list; a new one; all places that results go to
local same, total = {1, 2, 3}, 0
for i = 1, 300 do
	local a, b, c = unpack(same)
	local d, e = unpack({i, i + 1, i + 2})
	local f = unpack({i})
	local g, h, j = unpack({i, "x"})
	total = total + a * b + c + d * e + f + g + #h + (j and 1 or 0)
end
print(total)
local function returns(t) return unpack(t) end
local function through(t, ...) return sum(...), unpack(t) end
local kept
for i = 1, 300 do
	kept = {unpack({i, i * 2, "z"})}
	local more = {0, unpack(kept)}
	total = total + sum(unpack(kept, 1, 2)) + sum(returns({i, i})) + sum(5, returns(same)) + #more + #kept
	total = total + select("#", through(same, unpack(same))) + (unpack(same)) + (returns(same))
	unpack(same)
	local ok, x, y = pcall(unpack, same)
	local ok2, z = pcall(returns, {i})
	total = total + x + y + z + (ok and ok2 and 1 or 0)
	same[3] = i
end
print(total) show(unpack(kept)) show(unpack(same))
-- lists that grow and shrink, of which some or all values are wanted
local l = {}
for i = 1, 600 do
	local a, b = unpack(l)
	total = total + (a or 7) + (b or 11) + sum(unpack(l)) + select("#", unpack(l)) + (unpack(l) or 13)
	if i % 40 < 20 then l[#l + 1] = i else l[#l] = nil end
end
print(total, #l)
for i = 1, 400 do
	local many = {}
	for k = 1, i % 25 do many[k] = k * i end
	local a, b, c = unpack(many)
	total = total + sum(unpack(many)) + (a or 1) + (b or 2) + (c or 3)
end
print(total)
local long = {}
for i = 1, 1000 do
	long[i] = i
	local a, b, c = unpack(long)
	total = total + a + (b or 0) + (c or 0) + select("#", unpack(long))
end
print(total)
-- bounds: constant, variable, moving, of which one varies, none at all
for i = 1, 400 do
	local n = i % 7
	local a, b, c = unpack(long, i, i + 2)
	local d, e = unpack(long, n, n + 1)
	total = total + a + b + c + (d or 0) + e + sum(unpack(long, i, i + n)) + sum(unpack(long, 3, 1 + n)) + sum(unpack(long, n, 4))
	total = total + sum(unpack(long, 2, 4)) + sum(unpack(long, 5, 4)) + sum(unpack(long, -3, 1)) + sum(unpack(long, nil, 3)) + sum(unpack(same, 2, nil)) + sum(unpack(same, 2))
	total = total + sum(unpack(long, 998, 998 + n)) + sum(unpack(long, n - 3, 2))
	total = total + sum(unpack(long, 1.0, 3)) + sum(unpack(long, "2", "3")) + sum(unpack(long, n / 1, 4.0))
end
print(total)
-- bounds at the ends of the integers
local high, low = math.maxinteger, math.mininteger
local far = {[high] = "high", [high - 1] = "below", [low] = "low", [low + 1] = "above"}
for i = 1, 200 do
	local a, b, c = unpack(far, high - 1, high)
	local d, e = unpack(far, low, low + 1)
	local f, g = unpack(far, high, low)
	local h = unpack(far, high - i % 2, high)
	local k = select("#", unpack(far, low + i % 3, low + 1))
	if i % 50 == 0 then print(a, b, c, d, e, f, g, h, k) end
end
local function bounds(t, i, j) local a, b = unpack(t, i, j) return a, b end
local function all(t, i, j) return unpack(t, i, j) end
for i = 1, 300 do
	local first, last = 1, 3
	if i > 200 and i % 10 == 0 then first, last = low, high end
	if i > 200 and i % 10 == 1 then first, last = 1, 1e8 // 1 | 0 end
	if i > 200 and i % 10 == 2 then first, last = high, low end
	if i > 200 and i % 10 == 3 then first, last = 0, high end
	if i > 200 and i % 10 == 4 then first, last = low, -1 end
	if i > 200 and i % 10 == 5 then first, last = high - 1, high end
	if i > 200 and i % 10 == 6 then first, last = -high, high end
	local r, s = pack(pcall(bounds, same, first, last)), pack(pcall(all, same, first, last))
	if i > 200 and i < 220 then show(unpack(r, 1, r.n)) show(unpack(s, 1, s.n)) end
end
for _, wrong in ipairs({1.5, "x", "1.5", {}, true, 0 / 0, 2^63}) do
	local function f(i)
		local t, n = same, 1
		if i > 150 then n = wrong end
		return pcall(unpack, t, n, n)
	end
	for i = 1, 152 do local ok, e = f(i) if i > 150 then print(ok, e and tostring(e):gsub("table: .*", "")) end end
end
-- what is no list
local function of(t) local a, b = unpack(t) return a, b end
for i = 1, 300 do
	local t = {i, i}
	if i > 250 and i % 8 == 0 then t = "text" end
	if i > 250 and i % 8 == 1 then t = 5 end
	if i > 250 and i % 8 == 2 then t = nil end
	if i > 250 and i % 8 == 3 then t = print end
	local ok, a, b = pcall(of, t)
	if i > 250 and i < 262 then print(ok, a, b) end
end
print(pcall(unpack)) print((pcall(pack))) print(pcall(unpack, {}, 1, 1e7 // 1 | 0))
print(select("#", unpack({}, 1, 200)), select("#", unpack({}, 1, 201)), (select("#", unpack({}, 0, 200))))
-- holes, whose length is not asked for, and elements beyond the array part
for i = 1, 300 do
	local t = {i, nil, 3, n = 4}
	local a, b, c, d = unpack(t, 1, t.n)
	total = total + a + (b and 1000 or 1) + c + (d or 5) + sum(unpack(t, 1, t.n))
	t[2] = i % 3 == 0 and i or nil
	total = total + sum(unpack(t, 1, 4))
	local h = {[3] = i, [2] = i + 1, [1] = i + 2}
	total = total + sum(unpack(h, 1, 3)) + sum(unpack(h, 2, 5)) + select("#", unpack(h))
	local x, y, z = unpack(h)
	total = total + x - y * z
end
print(total)
-- types that change
local mixed = {1, 2.5, "3", true, false, {}, print}
for i = 1, 400 do
	local v = mixed[i % 7 + 1]
	local a, b = unpack({v, i})
	local c, d = unpack({i, v, v}, 2)
	if a ~= v or b ~= i or c ~= v or d ~= v then print("differs", i) end
end
-- metatables: with neither, with __index, with __len, with both
local logged = 0
local indexed = {__index = function(_, k) logged = logged + 1 return k * 10 end}
local measured = {__len = function() logged = logged + 1 return 2 end}
local both = {__index = {"i1", "i2", "i3"}, __len = function() return 3 end}
local plain = {__name = "plain", method = 1}
for i = 1, 400 do
	local mt = i < 200 and plain or ({plain, indexed, measured, both})[i % 4 + 1]
	local t = setmetatable({i, i + 1, i + 2}, mt)
	if i % 5 == 0 then t[2] = nil t[3] = nil end
	local a, b = unpack(t)
	local c, d, e = unpack(t, 1, 3)
	total = total + select("#", unpack(t)) + (tonumber(a) or 1) + (tonumber(b) or 2) + (tonumber(c) or 3)
	if i % 37 == 0 then print(i, a, b, c, d, e, select("#", unpack(t)), logged) end
end
-- elements that nobody wants are asked for all the same
local asked = {}
local asking = {__index = function(_, k) asked[k] = (asked[k] or 0) + 1 return k end}
for i = 1, 300 do
	local t = setmetatable({i, i, i}, asking)
	if i > 150 then t[i % 3 + 1] = nil end
	local a = unpack(t, 1, 3)
	local b, c = unpack(t, 1, 3 + i // 200)
	unpack(t, 2, 4 - i // 100)
	total = total + a + b + c
end
print(total, asked[1], asked[2], asked[3], asked[4])
plain.__index = function(_, k) return -k end
local late = setmetatable({5}, plain)
for i = 1, 200 do
	local a, b = unpack(late, 1, 2)
	if i == 100 then plain.__index = nil end
	if i == 150 then plain.__len = function() return 4 end end
	total = total + a + (b or 0.5) + select("#", unpack(late))
end
print(total, logged)
-- pack
local packs = {}
for i = 1, 300 do
	local p = pack(i, nil, i + 2)
	local q, none = pack(unpack(p, 1, p.n)), pack()
	total = total + p.n + p[1] + p[3] + q.n + q[3] + none.n + (p[2] or 1)
	if i % 100 == 0 then packs[#packs + 1] = p packs[#packs + 1] = none end
	local r = pack(unpack({1, 2, 3, i}, 1, i % 5))
	r[#r + 1] = i
	r.n, r.m = r.n + 1, i
	total = total + r.n + #r + r.m
end
print(total)
for _, p in ipairs(packs) do
	local keys = {}
	for k, v in pairs(p) do keys[#keys + 1] = k .. "=" .. v end
	table.sort(keys) print(p.n, table.concat(keys, " "))
end
local function wrapped(f, ...) local p = pack(pcall(f, ...)) if not p[1] then return "failed", p[2] end return unpack(p, 2, p.n) end
for i = 1, 200 do
	local a, b, c = wrapped(function(...) if i % 20 == 0 then error("on " .. i, 0) end return ... end, i, nil, i * 2)
	if i % 40 == 0 or i == 199 then print(a, b, c) end
end
for i = 1, 200 do
	local p = pack(unpack({}, 1, 30 + i % 4))
	local q = pack(unpack(long, 1, 30 + i % 4))
	total = total + p.n + q.n + q[29] + (p[30] or 0)
end
print(total)
-- a window whose values are kept when a guard leaves
local window = {}
for i = 1, 500 do window[i] = i end
window[300] = "three hundred"
local seen = {}
for i = 1, 496 do
	local t = {unpack(window, i, i + 3)}
	if type(t[2]) == "string" then seen[#seen + 1] = t end
	total = total + #t
end
show(unpack(seen[1])) print(total)
-- coroutines and recursion
local co = coroutine.wrap(function(...) local t = {...} while true do t = {coroutine.yield(unpack(t))} end end)
co()
for i = 1, 200 do local a, b = co(i, i + 1) total = total + (a or 0) + (b or 0) end
local function flat(t, n) if n == 0 then return unpack(t) end t[#t + 1] = n return flat(t, n - 1) end
for i = 1, 100 do total = total + select("#", flat({}, i % 15)) end
print(total)
-- math.fmod of integers and floats, modf, ult, rawequal, rawlen
local numbers = {0, 1, -1, 5, -5, 7, high, low, low + 1, 2.5, -2.5, -0.0, 0.5, -0.5, 1e300, 1 / 0, -1 / 0, 2^53, 2^63, -2^63, "10", "x"}
local function text(v) return v ~= v and "nan" or tostring(v) end
for i = 1, #numbers do
	local out = {}
	for j = 1, #numbers do
		local a, b = numbers[i], numbers[j]
		for k = 1, 3 do
			local ok, m = pcall(math.fmod, a, b)
			local ok2, u = pcall(math.ult, a, b)
			local line = text(m) .. "/" .. tostring(u) .. "/" .. tostring(rawequal(a, b)) .. tostring(math.type(m))
			if k == 3 then out[#out + 1] = line end
		end
	end
	print(numbers[i], table.concat(out, " "))
end
local counts = {0, 0, 0}
for i = -400, 400 do
	local w, f = math.modf(i / 8)
	local w2, f2 = math.modf(i)
	total = total + w * 2 + f + w2 + f2 + math.fmod(i, 7) + math.fmod(i, -3) + math.fmod(400 + i, 9) + math.fmod(i / 2, 2)
	if math.ult(i, 5) then counts[1] = counts[1] + 1 end
	if rawequal(i, 7) then counts[2] = counts[2] + 1 end
	if rawequal(i / 1, i) then counts[3] = counts[3] + 1 end
	if math.type(w) ~= "integer" or math.type(f) ~= "float" or math.type(w2) ~= "integer" then print("type", i) end
end
print(total, unpack(counts))
for i = 1, 300 do
	local x = i < 280 and i + 0.25 or ({1 / 0, -1 / 0, 2^70, -2^63, 2^63, "1.5", -0.0, low})[i % 8 + 1]
	local ok, w, f = pcall(math.modf, x)
	if i > 278 and i < 290 then print(ok, w, f, math.type(w), math.type(f)) end
	local ok2, m = pcall(math.fmod, i, i < 290 and 3 or i % 2)
	if i > 288 then print(ok2, m) end
end
print(pcall(math.modf, "y")) print(pcall(math.fmod, 1)) print(pcall(math.ult, 1, 2.5)) print(pcall(rawequal, 1)) print(pcall(rawlen, 5))
local eq = setmetatable({}, {__eq = function() return true end})
local eq2 = setmetatable({}, getmetatable(eq))
local raw, called = 0, 0
for i = 1, 300 do
	local other = i % 3 == 0 and eq or eq2
	if rawequal(eq, other) then raw = raw + 1 end
	if eq == other then called = called + 1 end
	if rawequal("a" .. i % 2, "a1") then raw = raw + 1 end
	if rawequal(nil, i % 2 == 0 and false or nil) then raw = raw + 1 end
	raw = raw + rawlen(i % 2 == 0 and "text" or same) + rawlen({i, i})
end
print(raw, called)
