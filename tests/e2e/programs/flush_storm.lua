-- A flush storm. A program with more hot code than LuaJIT's limits hold: many
-- functions with a hot loop each, all of them called again and again. As soon
-- as the last of them is compiled the limits are reached, everything is thrown
-- away, and compiling begins anew; the program is slower than with the JIT
-- off. It is mended by
--
--	luajit -Omaxtrace=8000 -Omaxmcode=8192 flush_storm.lua
local rounds, functions = tonumber(arg and arg[1]) or 40, 1500
local template = [[
local t = ...
return function(n)
	local a, b = %d, 1
	for i = 1, n do
		a = (a * 3 + b) %% 1013
		if a > %d then b = b + t[i %% 8 + 1] else b = b - 1 end
	end
	return a + b
end
]]

local numbers, work = { 3, 1, 4, 1, 5, 9, 2, 6 }, {}
for i = 1, functions do
	local code = template:format(i % 29, 300 + i % 400)
	work[i] = assert((loadstring or load)(code, "=rule" .. i))(numbers)
end

local total = 0
for _ = 1, rounds do
	for i = 1, functions do
		total = total + work[i](300)
	end
end
print(total)
