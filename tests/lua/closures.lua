-- Functions as values: upvalues shared, closed, in loops, over coroutines; recursion; environments.

local function counter()
	local n = 0
	return function() n = n + 1 return n end, function() return n end, function(v) n = v end
end
local inc, get, set = counter()
local inc2 = counter()
print(inc(), inc(), get(), inc2(), set(10), inc(), get(), inc2())

-- One variable each round, in all loops; shared between closures of one round.
local fs = {}
for i = 1, 3 do fs[#fs + 1] = function() i = i + 1 return i end end
for k, v in pairs({ 10, 20 }) do fs[#fs + 1] = function() v = v + k return v end end
local n = 0
while n < 2 do local c = n * 100 n = n + 1 fs[#fs + 1] = function() c = c + 1 return c end end
repeat local r = n n = n + 1 fs[#fs + 1] = function() r = r - 1 return r end until r >= 3
do local i = 1
::top:: local g = i fs[#fs + 1] = function() g = g * 2 return g end i = i + 1 if i <= 2 then goto top end end
for _ = 1, 2 do for i, f in ipairs(fs) do io.write(f(), " ") end print() end

-- Upvalues of upvalues; a function that changes its caller's variables.
local function outer(a)
	local b = a * 2
	return function(c)
		local d = b + c
		return function(e)
			a, b, c, d = a + 1, b + a, c + b, d + e
			return a, b, c, d
		end
	end
end
local f = outer(1)
local g, h = f(10), f(20)
print(g(1)) print(h(1)) print(g(2)) print(h(2))

-- Open upvalues see the stack; closed ones keep the value.
local function test()
	local x, y = 1, 2
	local function getx() return x, y end
	x, y = 5, 6
	local a, b = getx()
	do local z = 7 local function inner() z = z + x return z end x = x + 1 print(inner(), inner()) end
	return getx, a, b, getx()
end
local getx, a, b, c, d = test()
print(a, b, c, d, getx())

-- Upvalues of arguments and varargs; of the loop's state while it runs.
local function args(a, ...)
	local v = table.pack(...)
	local function show() return a, v.n, v[1], v[v.n] end
	a = a .. "!"
	return show
end
print(args("x", 1, 2, 3)()) print(args("y")())

-- Recursion: local, mutual, by fixed point; tail calls without end.
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(20))
local even, odd
function even(n) if n == 0 then return true end return odd(n - 1) end
function odd(n) if n == 0 then return false end return even(n - 1) end
print(even(100000), odd(100001), even(99999))
local Y = function(f) return (function(x) return x(x) end)(function(x) return f(function(...) return x(x)(...) end) end) end
print(Y(function(self) return function(n) return n == 0 and 1 or n * self(n - 1) end end)(20))
local function loop(n, ...) if n > 0 then return loop(n - 1, n, ...) end return select("#", ...) end
print(loop(100))
local function tail(n, acc) if n == 0 then return acc end return tail(n - 1, acc + n) end
print(tail(1000000, 0))
local function ack(m, n) if m == 0 then return n + 1 end if n == 0 then return ack(m - 1, 1) end return ack(m - 1, ack(m, n - 1)) end
print(ack(2, 30))
local function hanoi(n, a, b, c, t) if n == 0 then return t end t = hanoi(n - 1, a, c, b, t) return hanoi(n - 1, c, b, a, t + 1) end
print(hanoi(10, "a", "b", "c", 0))

-- Results: adjusted, cut, passed on.
local function many(n) local t = {} for i = 1, n do t[i] = i end return table.unpack(t) end
local a, b, c = many(2) print(a, b, c)
local a, b = many(5), 10 print(a, b)
print((many(3))) print(many(3), many(2)) print(#{ many(4), many(4) })
print(select("#", many(0)), select("#", (many(0))), select("#", many(200)), #{ many(250) }, (function(...) return select("#", ...) end)(many(240), many(240)))
print(pcall(many, 3)) print((function() return pcall(many, 3) end)()) print(math.max(many(100)), string.char(many(65)):byte(-1))

-- Methods, fields of functions, self.
local account = { balance = 0 }
function account:deposit(v) self.balance = self.balance + v return self end
function account.new(b) return setmetatable({ balance = b }, { __index = account }) end
local a = account.new(5)
print(a:deposit(10):deposit(1).balance, account.balance, account.new(1):deposit(2).balance)
local deep = { a = { b = { c = {} } } }
function deep.a.b.c:f(x) return self == deep.a.b.c, x end
print(deep.a.b.c:f(3), deep.a.b.c.f(1, 2))

-- _ENV: as an upvalue, a local, a parameter; a changed one.
x = "global"
local function env() local _ENV = { x = "local" } return x end
print(env(), x, (function(_ENV) return x end)({ x = "param" }), _ENV == _G)
local e = setmetatable({}, { __index = _G })
local f = load("y = 1; z = (z or 0) + y; print(y, z, x) return function() return y end", "=env", "t", e)
local gy = f() f()
print(y, z, e.y, e.z, gy())
e.y = 9 print(gy())
do local _ENV <const> = { print = print, tostring = tostring } print(tostring(x), tostring(math)) end
print(pcall(load("local _ENV = nil; return x")))
print(pcall(load("local _ENV = 5; x = 1")))
x = nil

-- A function is its own value; closures without upvalues are not the same.
local function make() return function() end end
local m1, m2 = make(), make()
print(m1 == m1, m1 == m2, rawequal(print, print))

-- Many upvalues.
local src = {}
for i = 1, 190 do src[#src + 1] = "local v" .. i .. " = " .. i end
src[#src + 1] = "return function() local s = 0"
for i = 1, 190 do src[#src + 1] = "s = s + v" .. i .. " v" .. i .. " = v" .. i .. " + 1" end
src[#src + 1] = "return s end"
local many = load(table.concat(src, "\n"))()
print(many(), many(), many())

-- Upvalues over coroutines.
local shared = 0
local cs = {}
for i = 1, 3 do cs[i] = coroutine.wrap(function() local mine = i while true do shared = shared + mine mine = mine * 10 coroutine.yield(shared, function() mine = mine + 1 return mine end) end end) end
local fns = {}
for r = 1, 3 do for i = 1, 3 do local s, f = cs[i]() io.write(s, " ") fns[#fns + 1] = f end end print()
for _, f in ipairs(fns) do io.write(f(), " ") end print()
print((cs[1]()))
