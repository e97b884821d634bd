local sum = 0
for i = 1, 5 do
	local source = "local a <const>, b = " .. i .. ", 'string constant that is long enough to be a long one' local function f(...) local t = { ..., x = a, [b] = 1.5 } return function() return t, a, b end end goto l ::l:: for i = 1, 3 do f(i) end return #b + a, f"
	local f, e = load(source, "=chunk " .. i)
	if not f then error(e, 0) end
	local g, e2 = load(string.dump(f, i % 2 == 0), "b", "b", { print = print })
	if not g then error(e2, 0) end
	sum = sum + f() + g()
	local bad, message = load("x = = " .. i)
	if message:find("memory") then error(message, 0) end
	sum = sum + #message
end
local n = 0
local f, e = load(function() n = n + 1 return ({ "return ", "1", " + 2" })[n] end)
if not f then error(e, 0) end
package.preload.m = function(...) return { name = ... } end
package.loaded.m = nil
return sum + f() + #require("m").name
