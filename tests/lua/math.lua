-- The math library, with integers and floats at their ends; random numbers from a seed.

math.atan2 = nil -- the same function as atan: either name may be in a message
local function try(f, ...) local r = table.pack(pcall(f, ...)) for i = 1, r.n do local v = r[i] r[i] = v ~= v and "nan" or math.type(v) == "float" and string.format("%.17g", v) .. "f" or tostring(v) end return table.concat(r, " ", 1, r.n) end
local values = { 0, 1, -1, 7, -7, 3.7, -3.7, 0.5, -0.5, 2.5, -2.5, 0.0, -0.0, 1e15 + 0.5, 2 ^ 53, 2 ^ 62, 2 ^ 63, -2 ^ 63, 1e300, math.huge, -math.huge, 0 / 0, math.maxinteger, math.mininteger, "10", "0x10", "3.7", "x", {}, nil, true }
for _, f in ipairs({ "abs", "ceil", "floor", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "exp", "log", "deg", "rad", "modf", "tointeger", "type" }) do
	local out = {} for i = 1, #values do if values[i] ~= nil or i == 30 then out[#out + 1] = try(math[f], values[i]) end end print(f, table.concat(out, "; "))
end
for _, f in ipairs({ "fmod", "atan", "log", "ult", "max", "min" }) do
	for i = 1, 27 do local out = {} for j = 1, 27 do out[#out + 1] = try(math[f], values[i], values[j]) end print(f, i, table.concat(out, "; ")) end
end
print(try(math.fmod, 1, 0), try(math.fmod, 1, 0.0), try(math.fmod, math.mininteger, -1), try(math.fmod, -6, 4), try(math.fmod, -6.5, 4), try(math.fmod), try(math.log, 8, 2), try(math.log, 1000, 10), try(math.log, 2 ^ 100, 2), try(math.log, 9, 3), try(math.max), try(math.min, 1), try(math.max, 1, 2.5, -1), try(math.max, 1, 1.0), try(math.max, 1.0, 1), try(math.min, 2, 1, 0.0, -0.0), try(math.max, 0 / 0, 1), try(math.max, 1, 0 / 0))
print(math.pi, math.huge, math.maxinteger, math.mininteger, math.type(math.pi), math.maxinteger + 1 == math.mininteger, math.tointeger("8"), math.tointeger(2 ^ 53), math.ult(1, -1), math.ult(-1, 1), math.abs(math.mininteger), math.floor(-3.5), math.ceil(-3.5), math.floor(2 ^ 70), math.floor(1e308)) print(string.format("%.14g %.14g", math.modf(3.7)), math.modf(-3.7), math.modf(5), math.modf(math.huge), math.modf(-math.huge), math.sqrt(16), math.exp(0), math.sin(0), -math.sin(0.0))

-- Random: the generator is Lua's own; the same seed gives the same numbers.
math.randomseed(42) for i = 1, 8 do io.write(math.random(100), " ") end print() for i = 1, 4 do io.write(string.format("%.17g ", math.random())) end print() for i = 1, 4 do io.write(math.random(0), " ") end print() print(math.random(5, 5), math.random(math.mininteger, math.maxinteger), math.random(1 << 62), math.random(-10, 10), math.random(3.0)) math.randomseed(1, 2) print(math.random(1000), math.random(1000)) math.randomseed(1.0) local a = math.random(1 << 40) math.randomseed(1) print(a == math.random(1 << 40)) math.randomseed(123456789012345) local counts = {} for i = 1, 10000 do local r = math.random(6) counts[r] = (counts[r] or 0) + 1 end print(table.concat(counts, " "))
print(try(math.random, 2, 1), try(math.random, 1.5), try(math.random, 1, 2, 3), try(math.random, -1), try(math.randomseed, "x"), try(math.random, math.maxinteger, math.mininteger), select("#", math.randomseed(7)), select("#", math.randomseed()))
