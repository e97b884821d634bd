local sum = 0
local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
for v in gen(20) do sum = sum + v end
for i = 1, 10 do
	local co = coroutine.create(function(a)
		local x <close> = setmetatable({}, { __close = function() sum = sum + 1 end })
		local ok, e = pcall(function() coroutine.yield(a) error({ a }) end)
		if type(e) ~= "table" then error(e, 0) end
		local function deep(n) if n == 0 then coroutine.yield(n) return 0 end return deep(n - 1) + 1 end
		return deep(50) + e[1]
	end)
	for step = 1, 3 do
		local ok, v = coroutine.resume(co, i)
		if not ok then error(v, 0) end
		sum = sum + v
	end
	if i % 2 == 0 then
		local open = coroutine.create(function() local y <close> = setmetatable({}, { __close = function() sum = sum + 2 end }) coroutine.yield() end)
		local ok, e = coroutine.resume(open)
		if not ok then error(e, 0) end
		ok, e = coroutine.close(open)
		if not ok then error(e, 0) end
	end
end
return sum
