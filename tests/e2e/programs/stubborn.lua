-- One place that is tried again and again: it makes a function, which LuaJIT
-- does not compile, in a loop that gets hot whatever is done. The rest is fine.
for n = 1, 60 do
	assert(loadstring("local s = 0 for i = 1, 300 do s = s + i % 3 end", "=fine" .. n))()
end

local sum = 0
for i = 1, tonumber(arg and arg[1]) or 1000000 do
	local add = function(x) return x + i end
	sum = add(sum) % 1000
end
print(sum)
