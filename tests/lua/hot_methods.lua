-- Methods of objects that do not have them, or do by and by: keys that are absent, present,
-- removed, in tables of all sizes, with collisions.
local Class = {} Class.__index = Class
function Class:get() return self.v end
function Class:name() return "class" end
local function new(v) return setmetatable({v = v}, Class) end
local function own() return "own" end
local objects = {}
for i = 1, 20 do objects[i] = new(i) end
local seen = {class = 0, own = 0}
local function ask(o) local n = o:name() seen[n] = seen[n] + 1 return o:get() end
local sum = 0
for r = 1, 60 do
	for i = 1, 20 do
		local o = objects[i]
		if r == 30 and i % 3 == 0 then o.name = own end
		if r == 45 and i % 6 == 0 then o.name = nil end
		if r == 50 and i % 5 == 0 then objects[i] = setmetatable({}, Class) objects[i].v = -i o = objects[i] end
		sum = sum + ask(o)
	end
end
print(sum, seen.class, seen.own)
-- objects of all sizes: where the key belongs is nothing, another key, a chain of them
local total = 0
for size = 0, 40 do
	local o = setmetatable({}, Class)
	for k = 1, size do o["field" .. k] = k end
	o.v = size
	for i = 1, 30 do
		total = total + o:get() + (o:name() == "class" and 1 or 1000)
		if i == 15 and size % 4 == 0 then o["field" .. size // 2] = nil end
		if i == 20 then o["more" .. i] = i end
		if i == 25 and size % 7 == 0 then o.get = function(self) return -self.v end end
	end
end
print(total)
-- a field that most have not, and no metatable
local plain, found = {}, 0
for i = 1, 200 do plain[i] = i % 9 == 0 and {flag = i, a = 1} or i % 2 == 0 and {a = i} or i % 5 == 0 and {} or {b = 1, c = 2, a = 3} end
for r = 1, 20 do
	for i = 1, 200 do
		local p = plain[i]
		if p.flag then found = found + p.flag end
		if p.a == nil and r == 10 then p.a = 0 end
		if p.flag == nil and r == 15 and i % 50 == 1 then p.flag = 1 end
	end
end
print(found)
-- two levels, and a key that the class gets late
local Sub = setmetatable({}, Class) Sub.__index = Sub
local subs, text = {}, {}
for i = 1, 10 do subs[i] = setmetatable({v = i}, Sub) end
for r = 1, 80 do
	if r == 40 then function Sub:name() return "sub" end end
	if r == 60 then Sub.name = nil end
	for i = 1, 10 do text[r] = subs[i]:name() end
end
print(text[39], text[40], text[59], text[60], text[80])
