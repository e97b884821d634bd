-- Tables that do not escape from a hot loop need not be made: nobody may notice.
local function show(t)
	local keys = {}
	for k in pairs(t) do
		keys[#keys + 1] = tostring(k)
	end
	table.sort(keys)
	for i, k in ipairs(keys) do
		local v = t[k]
		if v == nil then
			v = t[tonumber(k)]
		end
		keys[i] = k .. "=" .. (type(v) == "table" and "{" .. show(v) .. "}" or tostring(v))
	end
	return table.concat(keys, " ")
end

-- Made and dead within a turn.
local sum = 0
for i = 1, 300 do
	local p = { x = i, y = i + 0.5, [1] = i, i }
	sum = sum + p.x + p.y + p[1] + #p
end
print(sum)

-- Read after the loop: the last exit makes it.
local last
for i = 1, 300 do
	last = { n = i, text = "t" .. i, flag = i % 2 == 0, none = nil, f = i / 4 }
end
print(show(last))

-- Replaced in each turn, from its own fields.
local v = { x = 0, y = 1 }
for i = 1, 300 do
	v = { x = v.y, y = v.x + v.y & 0xffff }
end
print(show(v))

-- Two that swap, two names of one.
local a, b = { 1 }, { 2 }
for i = 1, 301 do
	a, b = { b[1] }, { a[1] + 1 }
end
print(a[1], b[1], a == b)
local c, d
for i = 1, 300 do
	c = { i }
	d = c
	d[1] = d[1] + 1
end
print(c == d, c[1], rawequal(c, d))
c, d = {}, {}
for i = 1, 300 do
	if i % 100 == 0 then
		c = { i }
		d = c
	else
		c, d = { i }, { i }
	end
	if (c == d) ~= (i % 100 == 0) then
		print("identity", i)
	end
end
print(c == d)

-- Identity between turns: an object of the turn before is another.
local before, same = nil, 0
for i = 1, 300 do
	local now = { i }
	if now == before then
		same = same + 1
	end
	before = now
end
print(same, before[1])

-- Escapes now and then, in either arm of a branch.
local kept = {}
for i = 1, 500 do
	local o = { id = i, square = i * i }
	if i % 7 == 0 then
		kept[#kept + 1] = o
	elseif i % 11 == 0 then
		kept[#kept + 1] = { o, twice = { o, o } }
	end
	o.id = -o.id
end
local text = {}
for _, o in ipairs(kept) do
	if o.twice then
		assert(o[1] == o.twice[1] and o[1] == o.twice[2])
		o = o[1]
	end
	text[#text + 1] = o.id .. ":" .. o.square
end
print(#kept, table.concat(text, " "))

-- Tables in tables, changed through either name.
local total = 0
for i = 1, 300 do
	local inner = { n = i }
	local outer = { inner = inner, list = { inner, inner } }
	outer.list[2].n = outer.inner.n + 1
	total = total + inner.n
	outer.list[1] = { n = 1000 }
	total = total + outer.list[1].n + outer.list[2].n
	if i == 250 then
		kept = outer
	end
end
print(total, show(kept))
-- In itself.
for i = 1, 300 do
	local o = { n = i }
	o.self = o
	local p = { o = o }
	o.p = p
	if i == 280 then
		kept = o
	end
	total = total + o.self.self.p.o.n
end
print(total, kept.self == kept, kept.p.o == kept, kept.n)

-- A list that grows and is cut off.
local head
for i = 1, 530 do
	head = { value = i, next = head }
	if i % 100 == 0 then
		head = nil
	end
end
local n = 0
while head do
	n = n + head.value
	head = head.next
end
print(n)

-- Objects with a metatable: methods, inherited ones, operators, __eq, __len, __index functions.
local Point = {}
Point.__index = Point
function Point.new(x, y)
	local o = setmetatable({ x = x, y = y }, Point)
	return o
end
function Point:plus(o)
	local r = Point.new(self.x + o.x, self.y + o.y)
	return r
end
function Point:length2()
	return self.x * self.x + self.y * self.y
end
Point.__add = Point.plus
Point.__eq = function(p, q)
	return p.x == q.x and p.y == q.y
end
Point.__len = function()
	return 2
end
local p, step, hits = Point.new(0, 0), Point.new(1, 0.5), 0
for i = 1, 400 do
	p = p:plus(step)
	hits = hits + p:length2()
end
print(p.x, p.y, getmetatable(p) == Point, hits)
for i = 1, 400 do
	p = p + step
	if p == Point.new(i, i) then
		hits = hits + 1
	end
	hits = hits + #p
end
print(p.x, p.y, getmetatable(p) == Point, hits)
-- The metatable gets a field while the loop runs.
local log = {}
for i = 1, 400 do
	local o = setmetatable({ n = i }, Point)
	if i == 300 then
		Point.__newindex = function(t, k, value)
			log[#log + 1] = k
			rawset(t, k, value)
		end
	end
	o.extra = i
	hits = hits + o.extra
end
print(#log, hits)
Point.__newindex = nil

-- A finalizer, or one that comes later: those tables are real.
local dead = 0
local Final = { __gc = function() dead = dead + 1 end }
for i = 1, 300 do
	local o = setmetatable({ n = i }, Final)
	total = total + o.n
end
collectgarbage()
collectgarbage()
print(dead, total)
local Later = {}
for i = 1, 300 do
	if i == 200 then
		Later.__gc = Final.__gc
	end
	local o = setmetatable({ n = i }, Later)
	total = total + o.n
end
collectgarbage()
collectgarbage()
print(dead, total)

-- Weak tables see an object only while it lives.
local weak = setmetatable({}, { __mode = "v" })
for i = 1, 300 do
	local o = { n = i }
	weak[1] = o
	total = total + weak[1].n
end
collectgarbage()
print(weak[1], total)

-- Order, length and traversal are those of a table made by the interpreter.
local function order(t)
	local s = {}
	for k, value in pairs(t) do
		s[#s + 1] = tostring(k) .. "=" .. tostring(value)
	end
	return table.concat(s, " ")
end
local function make(i)
	return { alpha = i, beta = i, 1, 2, gamma = i, delta = nil, 3, epsilon = i }
end
local cold, hot = order(load("local i = 300 return { alpha = i, beta = i, 1, 2, gamma = i, delta = nil, 3, epsilon = i }")()), nil
for i = 1, 300 do
	hot = make(i)
end
print(order(hot) == cold, #hot, next(hot) ~= nil)
local function grown(i)
	local t = {}
	t.one = i
	t[1] = i
	t.two = i
	t[2] = i
	t.three = i
	t.two = nil
	t[3] = nil
	t.one = "one"
	return t
end
cold = order(grown(300))
for i = 1, 300 do
	hot = grown(i)
end
print(order(hot) == cold, #hot)
for i = 1, 300 do
	local t = { i, i + 1, i + 2 }
	t[4] = i
	t[2] = nil
	t[2] = i
	total = total + #t
	for k, value in ipairs(t) do
		total = total + k * value
	end
	for k, value in pairs(t) do
		total = total + k + value
	end
	t[3], t[4] = nil, nil
	total = total + #t
end
print(total)

-- Given to functions: C functions see it, and it is the same afterwards.
for i = 1, 300 do
	local t = { i, i + 1, k = i }
	table.insert(t, i)
	if select("#", table.unpack(t)) ~= 3 or rawlen(t) ~= 3 or rawget(t, "k") ~= i then
		print("unpack", i)
	end
	rawset(t, "k", table.concat(t, ","))
	if type(t.k) ~= "string" or next(t) ~= 1 then
		print("concat", i)
	end
	total = total + #t.k
end
print(total)
local function identity(...)
	return ...
end
for i = 1, 300 do
	local t = { i }
	local u, w = identity(t, { t })
	if u ~= t or w[1] ~= u then
		print("identity", i)
	end
	local ok, got = pcall(identity, t)
	if got ~= t then
		print("pcall", i)
	end
end

-- Errors inside: the handler sees what was there.
local caught = {}
for i = 1, 300 do
	local o = { n = i }
	local ok, message = pcall(function()
		local inner = { o = o }
		if i % 50 == 0 then
			error(inner)
		end
		return inner.o.n + 1
	end)
	if not ok then
		caught[#caught + 1] = message.o
		if message.o ~= o then
			print("not the same", i)
		end
	end
end
print(#caught, show(caught[6]))
local function failing(limit)
	local o
	for i = 1, limit + 1 do
		o = { n = i, before = o and o.n }
		if i > limit then
			o = o.n.x.y
		end
	end
end
for i = 1, 3 do
	print(pcall(failing, 200))
end

-- Upvalues and coroutines: what they get is real.
local up
local function set(o)
	up = o
end
for i = 1, 300 do
	local o = { n = i }
	set(o)
	o.n = o.n + 1
	total = total + up.n
	local get = function()
		return o
	end
	if get() ~= o or get().n ~= i + 1 then
		print("closure", i)
	end
end
print(total, up.n)
local co = coroutine.wrap(function()
	for i = 1, 300 do
		local o = { n = i }
		coroutine.yield(o)
		o.n = o.n + 1
		total = total + o.n
	end
end)
for i = 1, 300 do
	local o = co()
	o.n = o.n * 2
end
co()
print(total)

-- Keys that are not constant, missing ones, other types than before.
local names = { "x", "y", "z" }
for i = 1, 300 do
	local o = { x = i, y = 2 * i }
	local k = names[i % 3 + 1]
	total = total + (o[k] or 1)
	o[k] = "text"
	total = total + (o.x == "text" and 1 or 2) + (o.missing and 5 or 7)
	o.y = i % 5 == 0 and "s" or i
	o.x = i % 3 == 0 and 1.5 or i
	if o.y == "s" then
		total = total + 100
	else
		total = total + o.y
	end
	total = total + o.x
end
print(total)
-- The kind of a field changes from turn to turn.
local state = { value = 0 }
for i = 1, 300 do
	local value = state.value
	if type(value) == "string" then
		state = { value = #value }
	elseif i % 10 == 0 then
		state = { value = ("s"):rep(i % 7) }
	elseif i % 17 == 0 then
		state = { value = value + 0.5, extra = state }
	else
		state = { value = value + 1 }
	end
end
print(state.value, state.extra)

-- Loops in loops: objects of the outer one.
local m = { 0, 0 }
for i = 1, 60 do
	local row = { i, 0 }
	for j = 1, 60 do
		row = { row[1], row[2] + j }
		m = { m[1] + row[1], m[2] + row[2] % 3 }
	end
	m[1] = m[1] - row[2]
end
print(m[1], m[2])
local function recursive(o, depth)
	if depth == 0 then
		return o
	end
	return recursive({ n = o.n + 1, up = depth % 2 == 0 and o or nil }, depth - 1)
end
for i = 1, 300 do
	total = total + recursive({ n = i }, 3).n
end
print(total, show(recursive({ n = 0 }, 4)))

-- As they are seen in the debugger.
local seen
for i = 1, 300 do
	local o = { n = i }
	if i == 290 then
		local name, value = debug.getlocal(1, 1)
		for k = 1, 200 do
			name, value = debug.getlocal(1, k)
			if name == "o" then
				seen = value == o and value.n
			end
			if not name then
				break
			end
		end
	end
end
print(seen)
-- Records and lists of more than 16: some escape, some are read at an exit.
do
	local s, kept = 0, {}
	for i = 1, 300 do
		local r = {a = i, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10, k = 11, l = 12, m = 13, n = 14, o = 15, p = 16, q = 17, r = i * 2, s = 19, t = "t"}
		local l = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, i, i + 1}
		l[5] = r.r
		s = s + r.a + r.r + #r.t + l[31] + l[32] + l[5] + #l
		if i % 70 == 0 then kept[#kept + 1] = r kept[#kept + 1] = l end
		if i % 90 == 0 then s = s + select("#", table.unpack(l)) end
	end
	local keys, sum = 0, 0
	for _, t in ipairs(kept) do for k, v in pairs(t) do keys = keys + 1 if math.type(v) == "integer" then sum = sum + v end end end
	print("more than 16", s, #kept, keys, sum)
end
