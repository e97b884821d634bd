-- Every event: when it is called, with what, in which order, and what becomes of the result.

local function name(v)
	if type(v) == "table" or type(v) == "function" then return rawget(v, "name") or type(v) end
	return tostring(v)
end
local log = {}
local function note(event)
	return function(a, b, c)
		log[#log + 1] = event .. "(" .. name(a) .. "," .. name(b) .. ")"
		return event, "second"
	end
end
local events = { "add", "sub", "mul", "div", "mod", "pow", "unm", "idiv", "band", "bor", "bxor", "shl", "shr", "bnot", "concat", "len", "eq", "lt", "le" }
local function object(n)
	local mt = {}
	for _, e in ipairs(events) do mt["__" .. e] = note(n .. e) end
	return setmetatable({ name = n }, mt)
end
local a, b, plain = object("a"), object("b"), { name = "plain" }
local operators = { "+", "-", "*", "/", "%", "^", "//", "&", "|", "~", "<<", ">>", "..", "==", "~=", "<", "<=", ">", ">=" }
local others = { "1", "0", "-1", "255", "1.5", "127", "'s'", "nil", "true", "plain", "b", "a", "2^53", "100000" }
for _, op in ipairs(operators) do
	for _, o in ipairs(others) do
		local env = { a = a, b = b, plain = plain }
		for _, form in ipairs({ "return a " .. op .. " " .. o, "return " .. o .. " " .. op .. " a", "local a, b, plain = a, b, plain return a " .. op .. " " .. o,
			"local a, b, plain = a, b, plain return " .. o .. " " .. op .. " a", "local x, y = a, " .. o .. " if x " .. op .. " y then return 'yes' end return 'no'",
			"local x, y = " .. o .. ", a return not (x " .. op .. " y)" }) do
			log = {}
			local ok, r, s = pcall(load(form, "=f", "t", env))
			print(form, ok, r, s, table.concat(log, " "))
		end
	end
end
for _, op in ipairs({ "-", "~", "#", "not " }) do
	log = {}
	print(op, load("local a = ... return " .. op .. "a")(a), table.concat(log, " "))
end

-- The second operand's method if the first has none; nil methods; false results are converted for comparisons.
local second = setmetatable({}, { __add = function(x, y) return rawequal(y, 5) and "right arg" or "other" end, __lt = function() return nil end, __le = function() return 0 end, __eq = function() return 1 end })
print(second + 5, 5 + second, {} == second, second == {}, second ~= {}, second < 1, 1 <= second, second > 2, not (second < 3), second == 1, 1 == second, rawequal(second, {}))
print(pcall(function() return {} + {} end)) print(pcall(function() return {} < {} end)) print(pcall(function() return {} .. {} end)) print(pcall(function() return #nil end)) print(pcall(function() return {} & 1 end))
print(pcall(function() return setmetatable({}, { __add = 5 }) + 1 end)) print(pcall(function() return setmetatable({}, { __add = setmetatable({}, { __call = function(_, x, y) return "called", y end }) }) + 1 end))
print(pcall(function() return setmetatable({}, { __add = function() error("in add", 0) end }) + 1 end)) print(type(select(2, pcall(function() return 1 < setmetatable({}, { __lt = function() error({}) end }) end))))
print(1 + setmetatable({}, { __add = function(...) return select("#", ...) end }), -setmetatable({}, { __unm = function(x, y) return rawequal(x, y) end }), #setmetatable({}, { __len = function(x, y) return y == nil or rawequal(x, y) end }))

-- Concatenation goes from the right.
local function cat(n) return setmetatable({ n = n }, { __concat = function(x, y)
	local l, r = type(x) == "table" and x.n or x, type(y) == "table" and y.n or y
	return "(" .. l .. "." .. r .. ")"
end }) end
print("a" .. cat("X") .. "b" .. "c" .. cat("Y") .. 1 .. 2, cat(1) .. cat(2) .. cat(3), 1 .. 2 .. cat(3), cat(1) .. 2 .. 3, "x" .. (cat(2) .. "y"))

-- __index: function, table, chains, cycles, on other types, with any key, not on raw values.
local base = { inherited = 1 }
local mid = setmetatable({ m = 2 }, { __index = base })
local top = setmetatable({}, { __index = mid })
print(top.inherited, top.m, top.nothing, rawget(top, "m"), top[1], top[nil], top[0 / 0], top[{}], top[2.5])
local dyn = setmetatable({ own = 1, [1] = "one" }, { __index = function(t, k) return type(k) == "number" and k * 2 or k, "dropped" end })
print(dyn.own, dyn.x, dyn[1], dyn[2], dyn[2.5], dyn[-1], dyn[true], dyn["long" .. ("g"):rep(50)]:len(), dyn[nil], (dyn.a))
local loop = {} setmetatable(loop, { __index = loop }) print(pcall(function() return loop.x end))
local c1, c2 = {}, {} setmetatable(c1, { __index = c2 }) setmetatable(c2, { __index = c1 }) print(pcall(function() return c1.x end)) print(pcall(function() c1.x = 1 return c1.x end))
local n1, n2 = {}, {} setmetatable(n1, { __newindex = n2 }) setmetatable(n2, { __newindex = n1 }) print(pcall(function() n1.x = 1 end))
print(pcall(function() return setmetatable({}, { __index = 5 }).x end)) print(pcall(function() return setmetatable({}, { __index = "str" }).len == string.len end)) print(pcall(function() setmetatable({}, { __newindex = "str" }).x = 1 end))
debug.setmetatable(1, { __index = function(n, k) return n .. k end, __call = function(n, x) return n * x end, __len = function(n) return n + 1 end, __concat = function(x, y) return "never" end })
print((5).abc, (2.5)[3], (6)(7), #41, 1 .. 2, pcall(function() local n = 1 n.x = 1 end)) debug.setmetatable(1, nil)
debug.setmetatable(nil, { __index = function(_, k) return k end, __call = function() return "nil called" end, __add = function() return "nil added" end, __eq = function() return true end }) print((nil).x, (nil)(), nil + 1, undefined.field, nil == false) debug.setmetatable(nil, nil)
debug.setmetatable(print, { __index = { fld = "of functions" }, __concat = function() return "f" end, __lt = function() return true end }) print(print.fld, print .. 1, print < tostring, pcall(function() return print <= print end)) debug.setmetatable(print, nil)
debug.setmetatable(true, { __unm = function(v) return not v end, __index = string }) print(-true, -false, (true).rep == string.rep) debug.setmetatable(true, nil)

-- __newindex: function, table, chains; only for absent keys; then there once it exists.
local stored = {}
local w = setmetatable({ old = 1, gone = 2 }, { __newindex = function(t, k, v) stored[#stored + 1] = tostring(k) .. "=" .. tostring(v) rawset(t, k, v) end })
w.old = 5 w.new = 6 w.new = 7 w.gone = nil w.gone = 3 w[1] = 1 w[1] = 2 w[2.0] = 3 w[2] = 4 w.n = nil w.n = nil
print(table.concat(stored, " "), w.old, w.new, w.gone, w[1], w[2]) print(pcall(function() w[nil] = 1 end)) print(pcall(function() w[0 / 0] = 1 end))
local target = {} local fwd = setmetatable({}, { __newindex = target }) fwd.x = 1 fwd[1] = 2 fwd[1.5] = 3 print(rawget(fwd, "x"), target.x, target[1], target[1.5]) fwd[1] = 5 print(rawget(fwd, 1), target[1])
local chain = setmetatable({}, { __newindex = setmetatable({}, { __newindex = setmetatable({}, { __newindex = function(t, k, v) print("end of chain", k, v) end }) }) }) chain.k = "v" chain[10] = 20
for i = 1, 3 do fwd["k" .. i] = i end print(target.k1, target.k2, target.k3, next(fwd)) print(pcall(rawset, fwd, "raw", 1), rawget(fwd, "raw"))
local ro = setmetatable({}, { __newindex = function(_, k) error("read only: " .. tostring(k), 2) end }) print(pcall(function() ro.x = 1 end))

-- A method that is added later is seen (absent methods may be cached).
local mt = {} local o = setmetatable({}, mt) print(o.x, #o, pcall(function() return o + 1 end)) mt.__index = function() return "late" end mt.__add = function() return "late add" end mt.__len = function() return 7 end mt.__newindex = function(t, k, v) rawset(t, k, v .. "!") end mt.__eq = function() return true end
print(o.x, o + 1, #o, o == setmetatable({}, {})) o.y = "v" print(o.y) mt.__index = nil mt.__newindex = nil mt.__len = nil print(o.x, #o) o.z = "w" print(o.z)
rawset(mt, "__index", { r = 1 }) print(o.r) mt.__index.r = 2 print(o.r) for k in pairs(mt) do mt[k] = nil end print(o.r)
local mt2 = {} local objs = {} for i = 1, 5 do objs[i] = setmetatable({}, mt2) print(objs[i].f) if i == 3 then mt2.__index = { f = "from 3" } end end

-- __call: chains, many arguments, as an iterator, in tail position, with pcall.
local callee = setmetatable({}, { __call = function(self, ...) return select("#", ...), ... end })
local callee2 = setmetatable({}, { __call = callee }) local callee3 = setmetatable({}, { __call = callee2 })
print(callee(), callee(1, 2)) print((select("#", callee2(1)))) print((select("#", callee3(1, 2)))) print(pcall(callee, "x")) print((function() return callee("tail", nil) end)()) print(select(2, pcall(callee3)) == 2)
print(pcall(setmetatable({}, { __call = 5 }))) print(pcall({})) print(pcall(nil)) print(pcall(setmetatable({}, { __call = function(_, a) error(a, 0) end }), "thrown")) print(select("#", callee(table.unpack({}, 1, 250))))

-- __eq only for two tables or two userdata, not for identical ones.
local calls = 0 local eqm = { __eq = function() calls = calls + 1 return true end } local e1, e2 = setmetatable({}, eqm), setmetatable({}, eqm)
print(e1 == e1, e1 == e2, e1 ~= e2, e1 == 1, e1 == "x", e1 == nil, calls, rawequal(e1, e2), ({ [e1] = 1 })[e2]) 
local m1, m2 = setmetatable({}, { __eq = function() return "first" end }), setmetatable({}, { __eq = function() return false end }) print(m1 == m2, m2 == m1, m1 == {}, {} == m2)

-- __metatable, __tostring, __name, __pairs, __mode, __gc that is no function; getmetatable of all.
local locked = setmetatable({}, { __metatable = "locked" }) print(getmetatable(locked), pcall(setmetatable, locked, {})) print(getmetatable(setmetatable({}, { __metatable = false })), getmetatable({}), getmetatable("").__index == string, getmetatable(1), getmetatable(nil), getmetatable(print))
print(pcall(setmetatable, 1, {})) print(pcall(setmetatable, {}, 1)) print(pcall(setmetatable, {})) print(getmetatable(setmetatable(setmetatable({}, {}), nil)), debug.getmetatable(locked).__metatable) print(pcall(getmetatable))
print(tostring(setmetatable({}, { __tostring = function() return "T" end })), (tostring(setmetatable({}, { __name = "N" })):gsub("0x%x+", "A")), pcall(tostring, setmetatable({}, { __tostring = function() return nil end }))) print(string.format("%s|%5s", setmetatable({}, { __tostring = function() return "T" end }), setmetatable({}, { __tostring = function() return "U" end })))
for k, v in pairs(setmetatable({}, { __pairs = function(t) return function(_, k) if not k then return 1, 2 end end, t, nil end })) do print(k, v) end print(select("#", pairs(setmetatable({}, { __pairs = function() return 1 end })))) print(select(3, pcall(pairs, nil))) print(pcall(ipairs)) print(pcall(pairs, setmetatable({}, { __pairs = 1 })))
local proxy = setmetatable({}, { __index = function(_, i) return i < 4 and i or nil end }) for i, v in ipairs(proxy) do io.write(i, v, " ") end print()

-- Deep chains and inheritance.
local chainlen = {} for i = 1, 1990 do chainlen = setmetatable({}, { __index = chainlen }) end print(chainlen.x, pcall(function() for i = 1, 20 do chainlen = setmetatable({}, { __index = chainlen }) end return chainlen.x end))
local A = {} A.__index = A function A.new(x) return setmetatable({ x = x }, A) end function A:get() return self.x end function A:__tostring() return "A" .. self.x end A.__add = function(p, q) return A.new(p.x + q.x) end A.__lt = function(p, q) return p.x < q.x end A.__le = function(p, q) return p.x <= q.x end A.__concat = function(p, q) return tostring(p) .. tostring(q) end A.__unm = function(p) return A.new(-p.x) end A.__call = function(p, y) return p.x * y end
local B = setmetatable({}, { __index = A }) B.__index = B B.__tostring = A.__tostring function B:get() return A.get(self) * 10 end function B.new(x) return setmetatable(A.new(x), B) end
local p, q = A.new(1), A.new(2) print(tostring(p + q), p < q, p <= q, p > q, p >= q, p .. q, p .. "x", 1 .. q, tostring(-p), q(21), B.new(4):get(), tostring(B.new(5)), pcall(function() return B.new(1) + B.new(1) end)) local list = { A.new(3), A.new(1), A.new(2) } table.sort(list) print(list[1].x, list[2].x, list[3].x)

-- Metamethods that yield, error, recurse and call back.
local co = coroutine.wrap(function() local y = setmetatable({}, { __index = function(_, k) return coroutine.yield(k) end, __add = function(x, z) return coroutine.yield("add") end, __lt = function() return coroutine.yield("lt") end, __eq = function() return coroutine.yield("eq") end, __concat = function() return coroutine.yield("concat") end, __newindex = function(_, k, v) coroutine.yield(k .. v) end, __call = function(_, x) return coroutine.yield("call" .. x) end, __len = function() return coroutine.yield("len") end, __unm = function() return coroutine.yield("unm") end, __close = function() coroutine.yield("close") end })
	local r = { y.key, y + 1, 1 + y, y < 1, y == setmetatable({}, getmetatable(y)), y .. "x", "a" .. "b" .. y .. "c", y(5), #y, -y }
	y.field = "v"
	do local c <close> = y end
	for k, v in pairs(r) do r[k] = tostring(v) end
	return table.concat(r, ",")
end)
local v = co()
for i = 1, 20 do
	io.write(tostring(v), " ")
	if v == "close" then print(co()) break end
	v = co(i)
end
