-- Coroutines: values both ways, states, yields across everything, errors, close, wrap, limits.

local yield, resume, create, wrap, status = coroutine.yield, coroutine.resume, coroutine.create, coroutine.wrap, coroutine.status

-- Values.
local co = create(function(a, b)
	print("start", a, b)
	local c = yield(a + b)
	print("got", c)
	local d, e = yield(c * 2, "two")
	print("got", d, e)
	print("none", yield())
	return "end", nil, 3
end)
print(resume(co, 1, 2)) print(status(co)) print(resume(co, 10)) print(resume(co, "x", nil)) print(resume(co, 1, 2, 3)) print(status(co)) print(resume(co)) print(resume(co, 1))
print(select("#", resume(create(function() yield() end)))) print(resume(create(function(...) return select("#", ...), ... end), nil, nil))
print(pcall(resume, nil)) print(pcall(create, 5)) print(pcall(wrap, nil)) print(pcall(status, {})) print(pcall(yield, 1)) print(coroutine.isyieldable(), coroutine.running() ~= nil, select(2, coroutine.running()))

-- States as each of three sees them.
local a, b
a = create(function() print(status(a), status(b), coroutine.isyieldable(), select(2, coroutine.running())) resume(b) print(status(a), status(b)) yield() end)
b = create(function() print(status(a), status(b)) print(resume(a)) yield() end)
resume(a) print(status(a), status(b)) print(resume(coroutine.running())) print(coroutine.running() == coroutine.running())
print(resume(create(function() return coroutine.running() end)) == true) local me me = wrap(function() return pcall(me) end) print(me())

-- Generators.
local function gen(n) return wrap(function() for i = 1, n do yield(i) end end) end
local function filter(p, g) return wrap(function() for n in g do if n % p ~= 0 then yield(n) end end end) end
local function sieve(n) local x = wrap(function() for i = 2, n do yield(i) end end) local out = {} while true do local p = x() if not p then break end out[#out + 1] = p x = filter(p, x) end return out end
print(table.concat(sieve(200), " "))
local function permutations(t, n) n = n or #t if n <= 1 then yield(t) else for i = 1, n do t[n], t[i] = t[i], t[n] permutations(t, n - 1) t[n], t[i] = t[i], t[n] end end end
for p in wrap(function() permutations({ 1, 2, 3 }) end) do io.write(table.concat(p), " ") end print()
local function tree(n) if n > 0 then return { tree(n - 1), n, tree(n - 1) } end end
local function walk(t) if t then walk(t[1]) yield(t[2]) walk(t[3]) end end
for v in wrap(function() walk(tree(4)) end) do io.write(v, " ") end print()

-- Yields across pcall, xpcall, metamethods, iterators, sort's caller, dofile, require's loader: where the library allows it.
print(wrap(function() return pcall(function() return yield(1) end) end)())
local function steps(name, f) local co = create(f) local out = {} local v for i = 1, 20 do local r = table.pack(resume(co, i)) for j = 1, r.n do r[j] = tostring(r[j]) end out[#out + 1] = table.concat(r, ",") if status(co) == "dead" then break end end print(name, table.concat(out, " | ")) end
steps("pcall", function() print(pcall(function() yield("in") error("e", 0) end)) print(pcall(yield, "direct")) return "done" end)
steps("nested pcall", function() return pcall(pcall, pcall, function() yield(1) yield(2) return 3 end) end)
steps("pcall error after yield", function() local r = { pcall(function() local ok, e = pcall(function() yield(1) error({}) end) yield(type(e)) error("outer", 0) end) } yield(r[2]) return select("#", table.unpack(r)) end)
steps("xpcall", function() return xpcall(function(...) yield(...) error("x", 0) end, function(m) return "handled " .. m end, "a1", "a2") end)
steps("handler yields", function() return xpcall(function() error("x", 0) end, function(m) yield("no") return m end) end)
steps("iterator", function() for i in function(_, i) i = yield(i) if i < 4 then return i end end, nil, 0 do yield("body" .. i) end end)
steps("pairs", function() for k, v in pairs(setmetatable({}, { __pairs = function(t) yield("in pairs") return function(_, k) yield("in next") if not k then return 1, 2 end end, t end })) do yield(k + v) end end)
steps("gsub", function() return pcall(string.gsub, "abc", ".", function(c) yield(c) end) end)
steps("sort", function() return pcall(table.sort, { 3, 2, 1 }, function(x, y) yield(x) return x < y end) end)
steps("tostring", function() return pcall(tostring, setmetatable({}, { __tostring = function() yield(1) return "s" end })) end)
steps("load", function() return pcall(load, function() yield("piece") end) end)
steps("table.concat", function() return pcall(table.concat, setmetatable({}, { __index = function() yield(1) end, __len = function() return 2 end })) end)
steps("ipairs", function() local s = 0 for i, v in ipairs(setmetatable({}, { __index = function(_, i) local w = yield("i" .. i) return i < 4 and w or nil end })) do s = s + v end return s end)
steps("unpack", function() return pcall(table.unpack, setmetatable({}, { __index = function() return yield(1) end }), 1, 2) end)
steps("select tail", function() return select(2, yield(1), yield(2)) end) steps("tail call", function() return yield("t") end) steps("wrap in wrap", function() local g = gen(3) return g(), yield(g()), g() end)
steps("tostring in concat", function() local t = setmetatable({}, { __concat = function(x, y) return "<" .. yield("c") .. ">" end }) return t .. "x" .. "y", "a" .. t, t .. t end)
steps("comparison in condition", function() local t = setmetatable({}, { __lt = function() return yield("lt") == 2 end, __le = function() return yield("le") > 100 end, __eq = function() return yield("eq") end }) local r = {} if t < t then r[#r + 1] = 1 end if not (t <= t) then r[#r + 1] = 2 end if t == setmetatable({}, getmetatable(t)) then r[#r + 1] = 3 end while t < t do r[#r + 1] = 4 break end r[#r + 1] = tostring(t > t) return table.concat(r, ",") end)
steps("close", function() do local x <close> = setmetatable({}, { __close = function(_, e) yield("closing") end }) local y <close> = setmetatable({}, { __close = function(_, e) yield("first") end }) end return "after" end)
steps("close with results", function() return (function() local x <close> = setmetatable({}, { __close = function() yield("c") end }) return 1, 2, 3 end)() end)
steps("close with error", function() return pcall(function() local x <close> = setmetatable({}, { __close = function(_, e) yield(e) error("from close", 0) end }) error("body", 0) end) end)
steps("close in for", function() for i in function(_, i) if i < 2 then return i + 1 end end, nil, 0, setmetatable({}, { __close = function() yield("for closed") end }) do yield(i) end return "end" end)
steps("hook count", function() local s = 0 for i = 1, 1000 do s = s + i end yield(s) return s end)
steps("varargs", function(...) local function f(...) yield(select("#", ...)) return ... end return f(...), f(1, 2, f(3, 4)) end)
steps("method", function() local o = { v = 5 } function o:m(x) self.v = self.v + yield(x) return self.v end return o:m("a") + o:m("b"), o.v end)
steps("numeric for", function() for i = 3, 1, -1 do yield(i) end for i = 0.0, 1, 0.5 do yield(i) end end)
steps("deep", function() local function d(n) if n == 0 then yield("bottom") return 0 end return 1 + d(n - 1) end return d(10000) end)

-- Errors in coroutines.
print(resume(create(function() error("msg") end))) print(resume(create(function() error() end))) print(resume(create(function() error(nil) end))) print(type(select(2, resume(create(function() error({}) end))))) print(resume(create(function() local x = nil + 1 end)))
local co = create(function() error("e", 0) end) print(resume(co)) print(status(co), resume(co)) print(coroutine.close(co), status(co))
local w = wrap(function() error("wrapped") end) print(pcall(w)) print(pcall(w)) local w = wrap(function() error({ 1 }) end) print(type(select(2, pcall(w)))) local w = wrap(function() return 1 end) print(w(), pcall(w))
print(pcall(wrap(function() wrap(function() error("deep") end)() end)))

-- close
local closed = {} local function c(n, err) return setmetatable({}, { __close = function(_, e) closed[#closed + 1] = n .. tostring(e) if err then error(err, 0) end end }) end
local co = create(function() local a <close> = c("a") local b <close> = c("b") yield() end) resume(co) print(coroutine.close(co), status(co), table.concat(closed, " ")) closed = {}
local co = create(function() local a <close> = c("a") local b <close> = c("b", "from b") yield() end) resume(co) print(coroutine.close(co)) print(status(co), table.concat(closed, " ")) print(coroutine.close(co), coroutine.close(create(print))) closed = {}
print(pcall(coroutine.close, coroutine.running())) local co co = create(function() print(pcall(coroutine.close, co)) end) resume(co) local outer outer = create(function() print(pcall(coroutine.close, outer)) local inner = create(function() print(pcall(coroutine.close, outer)) end) print(resume(inner)) end) resume(outer)
local co = create(function() local x <close> = c("x") error("err", 0) end) print(resume(co)) print(table.concat(closed, " "), coroutine.close(co)) closed = {}
local w = wrap(function() local x <close> = c("wx", "wrap close") error("orig", 0) end) print(pcall(w)) print(table.concat(closed, " ")) closed = {}
local co = create(function() local x <close> = setmetatable({}, { __close = function() local y <close> = c("y") yield("no") end }) yield(1) end) resume(co) print(coroutine.close(co)) print(table.concat(closed, " "))
local co = create(function() local x <close> = c("in pcall") pcall(function() local y <close> = c("inner") yield() end) end) closed = {} resume(co) print(coroutine.close(co), table.concat(closed, " "))
local co = create(yield) resume(co) print(coroutine.close(co)) print(coroutine.close(co)) 

-- Many at a time; garbage; deep nesting; the stack grows while open upvalues are used.
local cos = {} for i = 1, 1000 do cos[i] = wrap(function(x) local acc = i while true do acc = acc + yield(acc) end end) end local sum = 0 for i = 1, 1000 do cos[i]() end for r = 1, 3 do for i = 1, 1000 do sum = sum + cos[i](r) end end print(sum)
for i = 1, 3000 do local w = wrap(function() local t = { i } yield(t) end) w() end collectgarbage() print(collectgarbage("count") < 20000)
local function nest(n) if n == 0 then return "bottom" end return wrap(function() return nest(n - 1) end)() end print(nest(100)) local ok, e = pcall(nest, 300) print(ok, e:match("C stack overflow"))
local co = wrap(function() local x = 0 local function inc() x = x + 1 return x end local function deep(n) if n == 0 then yield(inc()) else inc() deep(n - 1) inc() end end for i = 1, 3 do deep(1000 * i) end return x end) print(co(), co(), co(), co())
print(pcall(wrap(function() local function r() return 1 + r() end return r() end))) local ok, e = resume(create(function() local function r() return r() .. "x" end r() end)) print(ok, #e > 0, (e:gsub(".*: ", "")))
print(wrap(function(...) return select("#", ...) end)(table.unpack({}, 1, 240))) print(select("#", wrap(function() return table.unpack({}, 1, 250) end)())) print(select("#", wrap(function() return yield(table.unpack({}, 1, 250)) end)()))

-- Inspecting another coroutine.
local co = create(function(p) local l = p * 2 yield(l) local m = "after" error("x") end) resume(co, 21) print(debug.getlocal(co, 1, 1)) print(debug.getlocal(co, 1, 2)) print(debug.getinfo(co, 1, "l").currentline, debug.getinfo(co, 0, "S").what, debug.getinfo(co, 2)) print(debug.traceback(co)) print(debug.traceback(co, "msg", 1)) print(debug.traceback(co, nil)) print(debug.traceback(co, {}) ~= nil)
debug.setlocal(co, 1, 2, "changed") resume(co) print(debug.traceback(co)) print(debug.traceback(create(print)))
print((wrap(function() return debug.traceback("in wrap") end)()))

-- Transfer between symmetric ones by a scheduler.
local tasks, out = {}, {} for i = 1, 3 do tasks[i] = create(function() for s = 1, i do out[#out + 1] = i .. ":" .. s yield() end return i end) end while #tasks > 0 do for i = #tasks, 1, -1 do local ok, r = resume(tasks[i]) if status(tasks[i]) == "dead" then out[#out + 1] = "end" .. r table.remove(tasks, i) end end end print(table.concat(out, " "))
local ping, pong ping = create(function() local n = 0 while n < 10 do n = yield(n + 1) end return "done", n end) local v = 0 while true do local ok, a, b = resume(ping, v) if status(ping) == "dead" then print(a, b) break end v = a end
