local function counter()
	local n, step = 0, 1
	return function() n = n + step return n end, function(s) step = s end
end
local all, sum = {}, 0
for i = 1, 40 do
	local inc, set = counter()
	set(i)
	all[i] = function(...) local a = { ... } return function() return inc() + #a end end
end
for i = 1, 40 do sum = sum + all[i](1, 2, 3)() end
local function deep(n, ...) if n == 0 then return select("#", ...) end return deep(n - 1, n, ...) + 0 end
local function recurse(n) if n == 0 then return 0 end return 1 + recurse(n - 1) end
local Y = function(f) return (function(x) return x(x) end)(function(x) return f(function(...) return x(x)(...) end) end) end
return sum + deep(30) + recurse(500) + Y(function(self) return function(n) return n == 0 and 1 or n * self(n - 1) end end)(10)
