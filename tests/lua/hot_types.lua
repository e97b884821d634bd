-- Loops whose values change their types: for good, in runs, in turns; arrays, fields, variables.
local function sum(t, n) local s = 0 for i = 1, n do s = s + t[i] end return s end
local t = {}
for i = 1, 100 do t[i] = i end
print(sum(t, 100))
for i = 1, 100 do t[i] = i + 0.25 end
for r = 1, 30 do t[r] = r * 0.5 sum(t, 100) end
print(sum(t, 100))
for r = 1, 60 do
	for i = 1, 100 do t[i] = r % 3 == 0 and i or r % 3 == 1 and i * 0.5 or tostring(i) end
	if r % 10 == 0 then print(sum(t, 100)) end
end
for i = 1, 100 do t[i] = i % 2 == 0 and i or i / 4 end
for r = 1, 50 do sum(t, 100) end
print(sum(t, 100))
-- fields, shared variables, the loop's own variables
local o, acc, kind = {v = 1}, 0, nil
local function get() return acc end
local function work(n, step)
	local last
	for i = 1, n do
		acc = acc + o.v
		last = i * step
		kind = kind == nil and i or nil
	end
	return last
end
for r = 1, 40 do
	o.v = r < 20 and r or r + 0.5
	if r == 30 then acc = 1 << 40 end
	work(60, r < 25 and 2 or 2.5)
end
print(acc, get(), kind, work(10, 3), work(10, "4"))
-- generic for, while, repeat; functions, strings and tables where numbers were
local list = {}
for i = 1, 80 do list[i] = i end
local function kinds()
	local n = {}
	for _, v in ipairs(list) do local k = math.type(v) or type(v) n[k] = (n[k] or 0) + 1 end
	return (n.integer or 0) .. " " .. (n.float or 0) .. " " .. (n.string or 0) .. " " .. (n.table or 0) .. " " .. (n["function"] or 0)
end
for r = 1, 12 do
	for i = 1, 80 do
		local m = (r + (r > 8 and i or 0)) % 5
		list[i] = m == 0 and i or m == 1 and i + 0.5 or m == 2 and "s" .. i or m == 3 and {i} or print
	end
	for q = 1, 15 do kinds() end
	io.write(kinds(), "; ")
end
print()
local function longest(limit, by)
	local x, n = by, 0
	while x < limit do x = x + by n = n + 1 end
	repeat x = x - by until x <= 0
	return x, n
end
for r = 1, 40 do longest(300, r < 15 and 3 or 3.5) end
print(longest(300, 3)) print(longest(300, 3.5)) print(longest(300.5, 7))
