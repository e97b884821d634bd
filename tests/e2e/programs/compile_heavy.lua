-- Some 24,000 traces, each run a little: time goes into compiling. Functions
-- are made and dropped in batches, and their traces are collected with them;
-- LuaJIT does not give back code memory without a flush, so a few of those
-- there are.
local batches, size = tonumber(arg and arg[1]) or 60, 400
local template = [[
local n, t = ...
local a, b, c = 0, 1, 0.5
for i = 1, 80 do
	local k = i %% 4 + 1
	local x, y = t[k], t.total
	a = a + b * %d + x
	if a > 100000 then a = a - n end
	b = (b + i * x + y) %% %d
	c = c * 0.99 + math.sqrt(a + b) - math.floor(c / 3)
	t[k] = (x + a + b) %% 17
	t.total = (y + t[5 - k]) %% 101
	t.last = a - b
end
return a + t.total
]]

local total = 0
for batch = 1, batches do
	for i = 1, size do
		local f = assert(loadstring(template:format(i % 13, i % 17 + 2), "=batch" .. batch))
		total = total + f(i, { 1, 2, 3, 4, total = 0, last = 0 })
	end
	collectgarbage()
end
print(total)
