-- Order and equality over integers, floats and strings; exact between integer
-- and float at the ends of both.

local numbers = {
	math.mininteger, math.mininteger + 1, -(2 ^ 63), -(2 ^ 53) - 2, -2 ^ 53, -(1 << 53) - 1, -1, -1.0, -0.5, -0.0, 0,
	0.0, 0.5, 1, 1.0, 2 ^ 53, (1 << 53), (1 << 53) + 1, 2 ^ 53 + 2, math.maxinteger - 1, math.maxinteger,
	2 ^ 63, 2 ^ 63 - 1024, 1e300, -1e300, math.huge, -math.huge, 5e-324, 0 / 0, math.maxinteger + 0.0,
	math.mininteger + 0.0, math.maxinteger // 1 | 0,
}
for i, a in ipairs(numbers) do
	local line = {}
	for j, b in ipairs(numbers) do
		line[#line + 1] = (a < b and "<" or "") .. (a <= b and "l" or "") .. (a > b and ">" or "")
			.. (a >= b and "g" or "") .. (a == b and "=" or "") .. (a ~= b and "n" or "")
			.. (rawequal(a, b) and "r" or "")
	end
	print(i, table.concat(line, " "))
end

-- With a constant on one side: other instructions, and jumps either way.
local sides = { "0", "1", "-1", "127", "-128", "128", "1.0", "-0.5", "127.0", "1e10", "9007199254740993", "'a'" }
for _, k in ipairs(sides) do
	for _, op in ipairs({ "<", "<=", ">", ">=", "==", "~=" }) do
		local line = {}
		for _, form in ipairs({
			"local a = ... return a OP K", "local a = ... return K OP a",
			"local a = ... if a OP K then return 1 else return 2 end",
			"local a = ... if not (a OP K) then return 1 else return 2 end",
			"local a = ... local r = a OP K and 'y' or 'n' return r",
			"local a = ... while a OP K do return 1 end return 2",
			"local a = ... repeat local x = a until a OP K or true return a OP K or nil",
		}) do
			local f = assert(load((form:gsub("OP", op):gsub("K", "(" .. k .. ")")), "=k"))
			for _, v in ipairs({ 0, 1, -1, 128, -129, 0.5, -0.5, 2 ^ 53, 2 ^ 63, -math.huge, math.maxinteger, 0 / 0, "a", "b", "" }) do
				local ok, r = pcall(f, v)
				line[#line + 1] = tostring(r)
			end
		end
		print(op, k, table.concat(line, " "))
	end
end

local strings = { "", "\0", "\0a", "a", "a\0", "a\0b", "a\0a", "ab", "b", "B", "\xff", "\x80", "é", "1", "10", "2",
	("x"):rep(50), ("x"):rep(50) .. "y", ("x"):rep(49) .. "\0", ("x"):rep(50) .. "\0" }
for i, a in ipairs(strings) do
	local line = {}
	for j, b in ipairs(strings) do
		line[#line + 1] = (a < b and "<" or "") .. (a <= b and "l" or "") .. (a == b and "=" or "") .. (a > b and ">" or "")
	end
	print(i, table.concat(line, " "))
end

-- Equal long strings that were made in different ways are equal, as keys too.
local long = ("long"):rep(100)
local t = { [long] = 1 }
local other = {}
for i = 1, 100 do other[i] = "long" end
other = table.concat(other)
print(long == other, t[other], rawequal(long, other), #long)

-- Other types: by identity.
local f, g = function() end, function() end
local co = coroutine.create(f)
local tab = {}
for _, a in ipairs({ f, g, co, tab, {}, true, false, print, io.stdout }) do
	local line = {}
	for _, b in ipairs({ f, g, co, tab, {}, true, false, print, io.stdout, 1, "x" }) do
		line[#line + 1] = tostring(a == b)
	end
	print(type(a), table.concat(line, " "))
end
print(nil == false, nil == nil, 1 == "1", 0 == false, "" == false)

-- Mixed types do not compare.
local all = { 1, 1.5, "1", true, nil, tab, f, co, io.stdout }
for i = 1, 9 do
	for j = 1, 9 do
		local ok1, e1 = pcall(function(a, b) return a < b end, all[i], all[j])
		local ok2, e2 = pcall(function(a, b) return a <= b end, all[i], all[j])
		print(i, j, e1, e2)
	end
end

-- and, or, not: values, not booleans.
for _, a in ipairs({ 1, 0, "", false, "nil" }) do
	if a == "nil" then a = nil end
	for _, b in ipairs({ 2, false, "nil" }) do
		if b == "nil" then b = nil end
		print(a and b, a or b, not a, not b, not (a and b), not (a or b), a and b or 3, (a or b) and 4)
	end
end
local function counter()
	local n = 0
	return function(v) n = n + 1 return v end, function() return n end
end
local tick, count = counter()
local _ = tick(false) and tick(1) or tick(nil) or tick(2) and tick(3)
print(_, count())
