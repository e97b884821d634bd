-- table.insert and table.remove in hot loops: at the ends, in the middle, where they must not.
local function show(t, n) local s = {} for i = 1, n or #t do s[i] = tostring(t[i]) end return table.concat(s, " ") end
local t = {}
for i = 1, 200 do table.insert(t, i // 2 + 1, i) end
print(#t, show(t))
for i = 1, 150 do io.write(table.remove(t, (i * 7) % #t + 1), " ") end
print(show(t))
for i = 1, 20 do table.insert(t, 1, i) table.insert(t, #t + 1, -i) table.insert(t, #t, i / 2) end
print(show(t))
while #t > 0 do io.write(tostring(table.remove(t, 1)), " ") end
print(#t, table.remove(t, 1), table.remove(t, #t), table.remove(t, #t + 1))
-- all positions of all lengths, and those that are none
for n = 0, 20 do
	local l = {}
	for i = 1, n do l[i] = i end
	for p = -1, n + 2 do
		local ok, e = pcall(table.insert, l, p, p)
		io.write(n, " ", p, " ", tostring(ok), " ")
		if ok then io.write(table.remove(l, p), " ") end
		ok, e = pcall(table.remove, l, p)
		io.write(tostring(ok), " ", tostring(e), " ")
		if ok and e then table.insert(l, p, e) end
	end
	print(show(l))
end
local function at(l, p, v) table.insert(l, p, v) return l end
local function out(l, p) return (table.remove(l, p)) end
for i = 1, 200 do at({1, 2, 3}, i % 4 + 1, i) out({1, 2, 3}, i % 3 + 1) end
print(pcall(at, {1, 2, 3}, 5, 0)) print(pcall(at, {1, 2, 3}, 0, 0)) print(pcall(out, {1, 2, 3}, 7)) print(pcall(out, {1, 2, 3}, -1))
print(out({1, 2, 3}, 4), show(at({1, 2, 3}, 2.0, 9)), show(at({1, 2, 3}, "3", 9)), out({1, 2, 3}, 2.0))
print(pcall(at, {1}, 1.5, 0)) print(pcall(at, 1, 1, 0)) print(pcall(out, "x", 1))
-- nil, elements in the hash part, metatables
for i = 1, 200 do
	local l = {1, 2, 3, 4, 5}
	at(l, 2, "x") local a = out(l, 1) at(l, 6, nil) local b = out(l, 5)
	if i % 50 == 0 then print(a, b, #l, l[1], l[2], l[3], l[4], l[5], l[6]) end
end
for i = 1, 100 do
	local l = {} for k = 20, 1, -1 do l[k] = k end
	at(l, 5, "five") at(l, 21, "end") local a, b = out(l, 3), out(l, 20)
	if i == 100 then print(a, b, show(l)) end
end
local log = 0
local mt = {__index = function(_, k) if k <= 5 then return k * 10 end end, __newindex = function(l, k, v) log = log + 1 rawset(l, k, v) end, __len = function(l) return 5 end}
for i = 1, 200 do
	local l = i % 10 == 0 and setmetatable({}, mt) or {1, 2, 3, 4, 5}
	at(l, 2, "m") local r = out(l, 4)
	if i % 50 == 0 then print(r, log, l[1], l[2], l[3], l[4], l[5], l[6]) end
end
-- what is collected: long lists of tables while the collector is in the middle of them
local long = {}
for i = 1, 3000 do long[i] = {i} end
local sum = 0
for i = 1, 4000 do
	at(long, i * 37 % #long + 1, {i, {}})
	local o = out(long, i * 91 % #long + 1)
	sum = sum + o[1]
	if i % 64 == 0 then collectgarbage("step", 1) end
end
for _, o in ipairs(long) do sum = sum + o[1] + (o[2] and #o[2] or 0) end
print(#long, sum)
-- a queue, a stack, a list that is kept sorted
local q, s = {}, 0
for i = 1, 3000 do q[#q + 1] = i if i % 3 ~= 0 then s = s * 3 % 1000003 + table.remove(q, 1) end end
print(#q, s, q[1], q[#q])
local sorted = {}
for i = 1, 500 do
	local v, lo, hi = i * 7919 % 1009, 1, #sorted + 1
	while lo < hi do local m = (lo + hi) // 2 if sorted[m] < v then lo = m + 1 else hi = m end end
	table.insert(sorted, lo, v)
end
for i = 2, #sorted do assert(sorted[i - 1] <= sorted[i]) end
print(#sorted, sorted[1], sorted[250], sorted[500])
