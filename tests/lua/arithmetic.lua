-- Every binary and unary operator over extreme operands, by registers, by
-- constants and by strings that are converted; integers wrap, division floors.

local function text(v)
	if v ~= v then
		return "nan" -- its sign is the machine's business
	end
	if math.type(v) == "float" then
		return string.format("%.17g", v) .. (v == 0 and 1 / v < 0 and " (-0)" or "") .. "f"
	end
	return tostring(v)
end

local operands = {
	"0", "1", "-1", "2", "-2", "3", "7", "-7", "63", "64", "65", "255", "256", "65536",
	"math.maxinteger", "math.mininteger", "math.maxinteger - 1", "math.mininteger + 1",
	"0.0", "-0.0", "1.0", "0.5", "-0.5", "-5.3", "1e15", "2^53", "2^53 + 1.0", "2^63", "-2^63",
	"2^64", "1e308", "-1e308", "5e-324", "math.huge", "-math.huge", "0/0", "3.0", "1e100",
	"'10'", "'0x10'", "' 5 '", "'1e1'", "'-0x8000000000000000'", "'9223372036854775808'", "'x'", "''",
	"nil", "true", "{}", "print",
}
local operators = {
	"+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>",
	"==", "~=", "<", "<=", ">", ">=", "..",
}

local values = {}
for i, o in ipairs(operands) do
	values[i] = load("return " .. o)()
end

for _, operator in ipairs(operators) do
	local registers = load("local a, b = ... return a " .. operator .. " b")
	for i, a in ipairs(operands) do
		local line = {}
		for j, b in ipairs(operands) do
			-- An address in the message of a concatenation is none; of a table's text neither.
			local ok, v = pcall(registers, values[i], values[j])
			if not ok then
				v = "! " .. v:gsub("^.-:%d+: ", "")
			elseif v ~= v then
				v = "nan"
			end
			line[#line + 1] = text(v)
		end
		print(operator, a, table.concat(line, "; "))
	end
end

-- The same with one operand as a constant in the code: other instructions.
local constants = {
	"0", "1", "-1", "2", "127", "-127", "128", "-128", "129", "255", "256", "1000000", "0.0", "-0.0", "1.0",
	"0.5", "127.0", "-127.0", "1e300", "math.maxinteger", "0x7fffffffffffffff", "3", "63", "'7'", "'abc'",
	"nil", "true", "false",
}
for _, operator in ipairs(operators) do
	for _, k in ipairs(constants) do
		local right = load("local a = ... return a " .. operator .. " (" .. k .. ")", "=c")
		local left = load("local a = ... return (" .. k .. ") " .. operator .. " a", "=c")
		local right_bare = load("local a = ... return a " .. operator .. " " .. k, "=c") or right
		local line = {}
		for i, v in ipairs({ 0, 1, -1, 5, -7, 64, math.maxinteger, math.mininteger, 0.0, -0.0, 2.5, -7.25,
			1e300, math.huge, "3", "0x1p4", "zz", true }) do
			for _, f in ipairs({ right, left, right_bare }) do
				local ok, r = pcall(f, v)
				line[#line + 1] = ok and text(r) or "! " .. r
			end
		end
		print(operator, k, table.concat(line, "; "))
	end
end

for _, operator in ipairs({ "-", "~", "not ", "#" }) do
	local f = load("local a = ... return " .. operator .. "a", "=u")
	for i, o in ipairs(operands) do
		local ok, v = pcall(f, values[i])
		print(operator, o, ok and text(v) or v)
	end
end

-- What the language says, in so many words.
print(math.mininteger // -1, math.mininteger % -1, math.maxinteger + 1 == math.mininteger)
print(7 // 2, -7 // 2, 7 // -2, -7 // -2, 7 % 3, -7 % 3, 7 % -3, -7 % -3)
print(7 // 2.0, -7 // 2.0, 7.5 // 2, -7.5 // 2, 7.5 % 2, -7.5 % 2, 7.5 % -2, -7.5 % -2)
print(-5.3 % math.huge, 5.3 % -math.huge, 5.3 % math.huge, -5.3 % -math.huge)
print(0.0 == -0.0, 1 / 0.0, 1 / -0.0, 0.0, -0.0, 0 * -1, 0 * -1.0)
print(1 << 63, 1 << 64, 1 << -1, -1 >> 1, -1 >> 63, -1 >> 64, -1 << 64, 2 >> -1, 1 << math.mininteger)
print("10" + 1, "10" + 1.0, "0x10" * 1, "1e1" + 0, " 7 " // 2, "7" // "2.0", -"2", -"2.0", "2" ^ "3", "7" % "4")
print(pcall(load("return '3' | 0"))) -- strings have arithmetic metamethods only
print(pcall(load("return ~'5'")))
print(pcall(load("return 1.5 | 0")))
print(pcall(load("return '1.5' | 0")))
print(pcall(load("return 2^63 | 0")))
print(pcall(load("return 'a' | 0")))
print(pcall(load("return 1 // 0")))
print(pcall(load("return 1 % 0")))
print(1 // 0.0, -1 // 0.0, 1 % math.huge, 2 ^ 0.5, 8 ^ (1 / 3), (-8) ^ 2, (-8) ^ 0.5 ~= (-8) ^ 0.5)
print(3 | 0.0, 2^31 | 0, 1e15 | 0, "0x7fffffffffffffff" + 1, 9007199254740993, 2^53 + 1)
print(5 // 0.3, 5 % 0.3, -5 // 0.3, -5 % 0.3, 1e308 * 10 // 1, 5.0 // 0, -5.0 // 0)

-- Literals.
print(0x7fffffffffffffff, 0xffffffffffffffff, 0x10000000000000000, 0xA.8p0, 0x.1p4, 0xA, 0Xap1)
print(9223372036854775807, 9223372036854775808, -9223372036854775808, 1e1, .5, 5., 3e-2, 0x1p-2)
print(100000000000000, 1e14, 1e15, 1e16, 123456789012345678, 0.1, 1/3, 1e100, -1e-100, 2^24, 2^63, -2^63)

-- Sums that show lost bits.
local s, p, x = 0, 1, 0
for i = 1, 1000 do
	s = s * 31 + i
	p = p * 0x5851f42d4c957f2d + i ~ (p >> 33)
	x = x ~ (s << (i % 64)) | (p >> (i % 61))
end
print(s, p, x)
local f = 0.0
for i = 1, 1000 do
	f = f * 0.9 + i / 7 - i // 3 + i % 2.5 + i ^ 0.5
end
print(string.format("%.17g", f))
