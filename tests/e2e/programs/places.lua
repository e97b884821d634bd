-- Loops and aborts in chunks with names of every kind: a file, a given name, a
-- string that is its own name, one too long for that, code without line
-- numbers, and lines that need one, two and four bytes.
local loop = [[
local sum = 0
for i = 1, 300 do
	local f = function() return i end
	sum = sum + i
end
for i = 1, 300 do
	sum = sum + i % 7
end
return sum
]]
local short = "local s = 0 for i = 1, 300 do s = s + i end" -- its own name is cut
local tiny = "for i = 1, 300 do end"

local function run(code, name)
	return assert(loadstring(code, name))()
end

run(loop, "=named")
run(loop, "@some/where/file.lua")
run(loop, "@plain.lua")
run(loop, "@/")
run(loop)
run(short)
run(tiny)
run(loop, "=" .. ("n"):rep(38))
run(loop, "=" .. ("n"):rep(39))
run(loop, "=" .. ("n"):rep(200))
run(("\n"):rep(300) .. loop, "@lines2.lua")
run(("\n"):rep(70000) .. loop, "@lines4.lua")
run("return function()\n" .. ("\n"):rep(300) .. loop .. "end", "@inner.lua")()
assert(loadstring(string.dump(loadstring(loop), true), "@stripped.lua"))()
assert(loadstring(string.dump(loadstring(loop, "@dumped.lua"))))()

-- In coroutines, each with a stack of its own.
for i = 1, 5 do
	local co = coroutine.wrap(function()
		local sum = run(loop, "@coroutine" .. i .. ".lua")
		coroutine.yield(sum)
		return run(loop, "@resumed" .. i .. ".lua")
	end)
	co()
	co()
end
print("done")
