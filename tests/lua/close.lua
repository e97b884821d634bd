-- To-be-closed variables and constants: order, errors, all ways out of a block, yields.

local function c(name, action)
	return setmetatable({ name = name }, { __close = function(self, e)
		io.write("<", self.name, " ", tostring(e), ">")
		if action == "error" then error("error of " .. name, 0) end
		if type(action) == "function" then return action(self, e) end
	end })
end

-- All ways out.
do local a <close> = c("a") local b <close> = c("b") io.write("body") end print()
for i = 1, 3 do local x <close> = c("x" .. i) if i == 2 then break end end print()
print((function() local x <close> = c("r") return "result", 1, 2 end)())
print((function(...) local x <close> = c("r") return ... end)(1, 2, 3))
print((function() local x <close> = c("t") return tostring("not a tail call") end)())
do local i = 1 ::again:: local x <close> = c("g" .. i) i = i + 1 if i <= 3 then goto again end end print()
do goto out local _ ::out:: end
while true do local x <close> = c("w") do local y <close> = c("in") break end end print()
repeat local x <close> = c("rep") local done = true until done print()
local n = 0 repeat local x <close> = c("rep" .. n) n = n + 1 until x.name == "rep2" print()
print(pcall(function() local x <close> = c("e") error("thrown", 0) end))
print(pcall(function() local x <close> = c("e1") local y <close> = c("e2") local z = nil + 1 end))
print(pcall(function() for i = 1, 2 do local x <close> = c("l" .. i) if i == 2 then error("in loop", 0) end end end))
local co = coroutine.wrap(function() local x <close> = c("co") coroutine.yield(1) return 2 end) print(co()) print(co())

-- Errors while closing replace the error; the others are closed still.
print(pcall(function() local a <close> = c("a") local b <close> = c("b", "error") local d <close> = c("d") error("first", 0) end))
print(pcall(function() local a <close> = c("a", "error") local b <close> = c("b", "error") return "lost" end))
print(pcall(function() local a <close> = c("a", function(_, e) error((e or "none") .. "+a", 0) end) local b <close> = c("b", function(_, e) error((e or "none") .. "+b", 0) end) error("x", 0) end))
print(xpcall(function() local a <close> = c("a", "error") error("x", 0) end, function(m) return "handled(" .. tostring(m) .. ")" end))
print(pcall(function() do local a <close> = c("a", "error") end print("never") end)) print(pcall(function() for i in function() return 1 end, nil, nil, c("for", "error") do break end end))

-- Values: nil and false are ignored, others need the metamethod.
do local a <close>, b = nil, 1 local d <close> = false print(a, b, d) end
print(pcall(function() local x <close> = 5 end)) print(pcall(function() local x <close> = {} end)) print(pcall(function() local ok <close> = c("ok") local bad <close> = "str" end)) print(pcall(function() local x <close> = setmetatable({}, { __close = 5 }) end))
print(load("local x <close> = 1; x = 2")) print(load("local x <const> = 1; x = 2")) print(load("local x <foo> = 1")) print(load("local x <close>, y <close> = 1, 2")) print(load("local x <const> = 1; local function f() x = 2 end")) print(load("local x <const> = 1; return function() return function() x = 1 end end")) print(load("goto l; local x <close> = nil; ::l:: print(x)"))

-- The metamethod is looked up when it is called; arguments; the metatable may be gone.
local mt = { __close = function() io.write("<old>") end } do local x <close> = setmetatable({}, mt) mt.__close = function(...) io.write("<new ", select("#", ...), ">") end end print()
print(pcall(function() local x <close> = setmetatable({}, mt) setmetatable(x, nil) end)) print(pcall(function() local mt = { __close = print } local x <close> = setmetatable({}, mt) mt.__close = nil error("also an error", 0) end))
do local t = setmetatable({}, { __call = function() end }) local ok = pcall(function() local x <close> = t end) print(ok) end do local x <close> = setmetatable({}, { __close = setmetatable({}, { __call = function(_, v, e) io.write("<callable ", tostring(e), ">") end }) }) end print()

-- Closures see the variable until it is closed, and after.
local f do local x <close> = c("seen") f = function() return x.name end end print(f())
local function g() local x <close> = c("up", function(self) self.name = self.name .. "!" end) return function() return x.name end, x.name end local h, nm = g() print(h(), nm)
local order = {} do local v = 1 local x <close> = setmetatable({}, { __close = function() order[#order + 1] = v v = v + 1 end }) local y <close> = setmetatable({}, { __close = function() order[#order + 1] = v v = v + 10 end }) v = 5 end print(table.concat(order, " "))

-- Nested functions, recursion, deep, many at once.
local function rec(n) local x <close> = c(n) if n > 0 then return (rec(n - 1)) end return "bottom" end print(rec(3))
local count = 0 local function many(n) local x <close> = setmetatable({}, { __close = function() count = count + 1 end }) if n > 0 then many(n - 1) else error("deep", 0) end end print(pcall(many, 150), count)
local src = {} for i = 1, 150 do src[#src + 1] = "local v" .. i .. " <close> = c(" .. i .. ")" end local total = 0 load("local c = ... " .. table.concat(src, " "))(function(i) return setmetatable({}, { __close = function() total = total * 3 + i & 0xffffff end }) end) print(total)
local log = {} for i = 1, 100 do local x <close> = setmetatable({}, { __close = function() log[#log + 1] = i end }) if i % 3 == 0 then goto continue end log[#log + 1] = -i ::continue:: end print(table.concat(log, " "))
print(select("#", (function() local x <close> = c("many") return table.unpack({}, 1, 200) end)())) print(#{ (function() local x <close> = c("list") return 1, 2, 3 end)() })

-- Multiple results and close that calls functions with many of its own values.
print((function() local x <close> = setmetatable({}, { __close = function() local t = {} for i = 1, 200 do t[i] = i end return select("#", table.unpack(t)) end }) return 1, 2, 3, nil end)())
print(string.format("%s %s", (function() local x <close> = c("fmt") return "a", "b" end)()))

-- Stack overflow and close.
local closed = 0 print(pcall(function() local function r() local x <close> = setmetatable({}, { __close = function() closed = closed + 1 end }) r() end r() end) == false, closed > 50)

-- Yields in close, with results and errors pending (more in coroutines.lua).
local function y(name) return c(name, function(_, e) coroutine.yield(name) end) end
local co = coroutine.wrap(function() local ok, e = pcall(function() local a <close> = y("a") local b <close> = y("b") error("pending", 0) end) coroutine.yield(tostring(e)) local r = table.pack((function() local a <close> = y("c") local b <close> = y("d") return 7, nil, 8 end)()) for i in function(_, k) if k < 2 then return k + 1 end end, nil, 0, y("it") do local z <close> = y("z" .. i) end return r.n, r[1], r[3] end)
for i = 1, 9 do print(co()) end
local co = coroutine.create(function() local a <close> = y("outer") local b <close> = c("err", "error") coroutine.yield("ready") end) coroutine.resume(co) print(coroutine.resume(co)) print(coroutine.resume(co)) print(coroutine.status(co))

-- Files and goto out of nested blocks.
do local f <close> = io.tmpfile() f:write("x") end
for i = 1, 2 do for j = 1, 2 do local a <close> = c(i .. j) if j == 1 then goto next end do local b <close> = c("b") goto next end ::next:: end end print()
local function ret() do local a <close> = c("1") do local b <close> = c("2") do return "from the inside" end end end end print(ret())
local function conditional(n) if n then local x <close> = c("then") return n else local y <close> = c("else") end return "end" end print(conditional(1)) print(conditional())

-- Constants.
local K <const>, S <const>, N <const>, B <const>, F <const> = 10, "str", nil, true, 2.5 print(K + 1, S .. "x", N, B, F * K, -K, K // 3, K == 10, not B, S == "str", ({ [K] = S })[10]) local function useK() return K, S, N, B, F, function() return K * 2 end end print(useK() == K, select(6, useK())())
