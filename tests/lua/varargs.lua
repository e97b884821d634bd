-- Variable arguments: passed on, adjusted, in the main chunk, in tail calls, many of them.

print(select("#", ...), ...)
local function count(...) return select("#", ...) end
local function pass(...) return ... end
local function first(...) local a = ... return a end
local function two(...) local a, b = ... return a, b end
local function fixed(a, b, ...) return a, b, count(...), ... end
print(count(), count(nil), count(nil, nil), count(1, nil), count(pass()), count(pass(nil)), count((pass(1, 2))))
print(first(), first(1, 2), two(), two(1), two(1, 2, 3))
print(fixed()) print(fixed(1)) print(fixed(1, 2)) print(fixed(1, 2, 3, nil))
print(pass(pass(1, 2), pass(3, 4))) print((pass(1, 2)), pass()) print(pass(), 1) print(#{ pass(1, 2), pass(3, 4) })
local function sum(...) local s = 0 for i = 1, select("#", ...) do s = s + (select(i, ...)) end return s end
print(sum(1, 2, 3, 4), sum(), sum(table.unpack({ 1, 2, 3 }, 1, 3)))
local function rotate(a, ...) return ..., a end
print(rotate(1, 2, 3))
local function reverse(a, ...) if select("#", ...) == 0 then return a end local t = table.pack(reverse(...)) t[t.n + 1] = a return table.unpack(t, 1, t.n + 1) end
print(reverse(1, 2, 3, 4, 5))
local function tail(...) return count(...) end print(tail(1, 2, 3))
local function tail2(a, ...) return tail(...) end print(tail2(1, 2, 3))
local function tail_c(...) return select(2, ...) end print(tail_c(1, 2, 3))
local function ptail(...) return pcall(pass, ...) end print(ptail(1, nil, 3))
local function closure(...) local a, b = ... return function() a = a + b return a end end
local f = closure(1, 2) print(f(), f())
local function inner(...) local t = { ... } return function() return table.unpack(t) end end print(inner(1, 2, 3)())
local function nest(...) local function g(...) return count(...) end return g(...), g(..., 1), g((...)), g(1, ...) end print(nest(1, 2, 3)) print(nest())
print((function(...) local a <const>, b <close> = ..., nil return a, b end)(5, 6))
local function loopy(...) for i, v in ipairs({ ... }) do io.write(i, v, " ") end for i, v in next, { ... } do io.write(v) end print() end loopy("a", "b")
local function varloop(n, ...) if n == 0 then return ... end return varloop(n - 1, n, ...) end print(varloop(10)) print(count(varloop(200)))
local t = setmetatable({}, { __index = function(_, k) return pass(k, k) end, __call = function(self, ...) return count(...), ... end })
print(t[1], t(1, 2)) print(t(t(t()))) print(pcall(t, nil))
local co = coroutine.wrap(function(...) local a = { ... } while true do a = table.pack(coroutine.yield(count(...), table.unpack(a, 1, a.n))) end end)
print(co(1, 2, 3)) print(co()) print(co(nil, nil)) print(co("x"))
local big = {} for i = 1, 5000 do big[i] = i end
print(count(table.unpack(big)), (select(5000, table.unpack(big))), sum(table.unpack(big, 1, 1000)), math.max(table.unpack(big)), #{ table.unpack(big) }, count(pass(table.unpack(big))))
print(pcall(function(...) local a, b = ... return a + b end, 1, 2)) print(pcall(function(...) return ... + 1 end)) print(pcall(function(...) return #... end, "abc"))
print(load("return ...")(1, 2), load("local a, b = ... return b, a, select('#', ...)")(1, 2, 3)) print(pcall(load, "function f() return ... end")) print(load("function f() return ... end"))
print(string.format("%s %s", pass("a", "b")), ("x"):rep(pass(3)), math.min(pass(3, 1, 2))) print(table.concat({ pass(1, 2, 3) }, ","), ({ n = count(...) }).n)
-- Under a hook and with a changed stack, the arguments are still there.
local function deep(n, ...) if n == 0 then return count(...), (select(count(...), ...)) end local a, b = deep(n - 1, n, ...) return a, b end
print(deep(150, "last")) print(debug.getinfo(count, "u").isvararg, debug.getinfo(first, "u").nparams, debug.getinfo(fixed, "u").nparams)
print((function(...) return debug.getlocal(1, -1) end)("v1", "v2")) print((function(...) return debug.getlocal(1, -2) end)("v1", "v2")) print((function(...) return debug.getlocal(1, -3) end)("v1", "v2"))
print((function(...) debug.setlocal(1, -1, "changed") return ... end)("v1", "v2"))
