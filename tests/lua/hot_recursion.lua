-- Recursion in many shapes, hot enough to be traced: results, varargs, errors, coroutines.
local function fib(n) if n < 2 then return n end return fib(n-1) + fib(n-2) end
print(fib(20))
print(fib(15.0))
local function ack(m,n) if m==0 then return n+1 elseif n==0 then return ack(m-1,1) end return ack(m-1, ack(m,n-1)) end
print(ack(2,40))
local function tak(x,y,z) if y>=x then return z end return tak(tak(x-1,y,z),tak(y-1,z,x),tak(z-1,x,y)) end
print(tak(14,8,3))
local function sum(n) if n==0 then return 0 end return n + sum(n-1) end
for i=1,300 do sum(30) end
print(sum(1000), sum(50000))
local function tail(n, a) if n==0 then return a end return tail(n-1, a+n) end
print(tail(100000, 0)) print(tail(1000, 0.5))
local even, odd
function even(n) if n==0 then return true end return odd(n-1) end
function odd(n) if n==0 then return false end return even(n-1) end
for i=1,200 do even(i) end
print(even(10001), odd(77))
local e2, o2
function e2(n) if n==0 then return true end local r = o2(n-1) return r end
function o2(n) if n==0 then return false end local r = e2(n-1) return r end
for i=1,200 do e2(i) end
print(e2(101), o2(78))
-- multiple results
local function divs(n) if n == 0 then return 0, 1, 2 end local a,b,c = divs(n-1) return b+c, a, c+n%3 end
for i=1,300 do divs(i%20) end print(divs(30))
local function all(n) if n == 0 then return end return n, all(n-1) end
for i=1,300 do all(i%9) end print(all(9)) print(select('#', all(100)))
-- varargs
local function va(n, ...) if n == 0 then return select('#', ...), ... end return va(n-1, n, ...) end
for i=1,300 do va(i%6) end print(va(12))
local function vsum(...) local a = ... if not a then return 0 end return a + vsum(select(2, ...)) end
for i=1,300 do vsum(1,2,3,4,5) end print(vsum(1,2,3,4,5,6,7,8.5))
-- trees
local function tree(d) if d == 0 then return {} end return {tree(d-1), tree(d-1)} end
local function count(t) if t[1] then return 1 + count(t[1]) + count(t[2]) end return 1 end
for i=1,20 do io.write(count(tree(i%10)), " ") end print()
-- errors through recursion, with tracebacks
local function deep(n) if n == 0 then error("bottom") end return 1 + deep(n-1) end
local function deept(n) if n == 0 then error("bottomt") end return deept(n-1) end
for i=1,200 do pcall(deep, i%10) pcall(deept, i%10) end
print(pcall(deep, 20)) print(pcall(deept, 20))
print(xpcall(deep, debug.traceback, 6))
print(xpcall(deept, debug.traceback, 6))
local function inf(n) return 1 + inf(n+1) end
for i = 1,3 do local ok, m = pcall(inf, 1) print(ok, (m:gsub("\n.*", ""))) end
-- recursion in coroutines
local function walk(t) if t[1] then walk(t[1]) coroutine.yield(1) walk(t[2]) else coroutine.yield(0) end end
for r=1,3 do local n, s = 0, 0 for v in coroutine.wrap(function() walk(tree(7)) end) do n = n+1 s = s+v end print(n, s) end
-- captured variables in callers
local function cap(n) local x = n local function get() return x end if n == 0 then return 0 end local r = cap(n-1) x = x + r return get() end
for i=1,200 do cap(i%10) end print(cap(20))
local function cap2(n, g) local x = 0 local function inc() x = x + 1 return x end if n == 0 then return g and g() or 0 end local r = cap2(n-1, inc) return x + r + (g and g() or 0) end
for i=1,200 do cap2(i%10) end print(cap2(20))
-- generic for with lua iterators that recurse
local function iter(s, i) i = i + 1 if i <= s then return i, fib(i % 7) end end
for r = 1, 100 do local t = 0 for i, f in iter, 20, 0 do t = t + f end if r == 100 then print(t) end end
-- methods
local C = {} C.__index = C
function C:depth(n) if n == 0 then return self.v end return self:depth(n-1) + 1 end
local o = setmetatable({v=3}, C) for i=1,200 do o:depth(i%12) end print(o:depth(40))
-- hanoi
local moves = 0
local function hanoi(n, a, b, c) if n == 0 then return end hanoi(n-1, a, c, b) moves = moves + 1 hanoi(n-1, c, b, a) end
hanoi(12, 1, 2, 3) print(moves)
-- recursive permutations
local cnt, chk = 0, 0
local function perm(a, n) if n == 0 then cnt = cnt + 1 chk = (chk * 31 + a[1]*7 + a[2]) % 1000003 else for i=1,n do a[n], a[i] = a[i], a[n] perm(a, n-1) a[n], a[i] = a[i], a[n] end end end
perm({1,2,3,4,5,6}, 6) print(cnt, chk)
-- to-be-closed in recursion
local log = 0
local function tbc(n) local h <close> = setmetatable({}, {__close=function() log = log + n end}) if n == 0 then return 0 end return 1 + tbc(n-1) end
for i=1,100 do tbc(i%8) end print(log, tbc(10))
-- A vararg function walks: it recurs, and goes on by a tail call with all that it got.
do
	local function walk(t, i, seen, f, ...)
		if seen[i] then return end
		seen[i] = true
		if f(t[i], ...) then return end
		if t[i] % 3 == 0 then walk(t, i + 5, seen, f, ...) end
		return walk(t, i + 1, seen, f, ...)
	end
	local t = {} for i = 1, 40 do t[i] = i end
	local n = 0
	local function f(v, a, b)
		if not v then n = n + 1 return true end
		if v % 7 == a % 7 then n = n - a return v % 2 == 0 end
		n = n + v * a + #b
	end
	for k = 1, 500 do walk(t, 1, {}, f, k, "abc") end
	print("walked", n)
end
-- Vararg functions that recur further than traces follow them.
do
	local function deep(n, ...)
		if n == 0 then return select("#", ...), ... end
		return deep(n - 1, ...)
	end
	local function grow(n, ...)
		if n == 0 then return select("#", ...) end
		return grow(n - 1, n, ...)
	end
	local function nest(n, ...)
		if n == 0 then return select("#", ...) end
		return (nest(n - 1, ...)) + select("#", ...)
	end
	local s = 0
	for i = 1, 400 do
		local a, b, c = deep(i % 30, i, i)
		s = s + a + b + c + grow(i % 20) + nest(i % 25, 1, i) + nest(i % 7)
	end
	print("deep arguments", s)
end
