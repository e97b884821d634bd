-- Expressions of a kind: integer, float, number, text, boolean, list, table, function,
-- object, any. `d` is how deep they may still become.
local written = require("written")
local random, format, concat = math.random, string.format, table.concat
local pick, chance, find = written.pick, written.chance, written.find

local integers = { "0", "1", "2", "3", "-1", "-2", "5", "7", "10", "63", "64", "65", "127", "128", "-127", "-128", "129", "255", "256", "1000", "65535", "65536",
	"131071", "-65537", "0x7fffffff", "0x80000000", "0xffffffff", "0x7fffffffffffffff", "math.mininteger", "math.maxinteger", "-0x7fffffffffffffff", "1 << 62", "1 << 53", "0xdeadbeef" }
local floats = { "0.0", "-0.0", "0.5", "-0.5", "1.0", "2.0", "-3.0", "1.5", "3.14159", "1e15", "1e16", "2^53", "2^63", "-2^63", "1e308", "-1e308", "1e-300", "5e-324", "math.huge", "-math.huge",
	"127.0", "128.0", "-128.0", "255.0", "65536.0", "1e100", "0.1", "1/3", "(0/0)" }
local strings = { '""', '"a"', '"b"', '"abc"', '"hello world"', '"10"', '"0x10"', '"1e1"', '" 5 "', '"-3"', '"3.5"', '"x"', '"key"', '"\\0"', '"a\\0b"', '"\\xff"', '"\\u{20ac}"', '"%d"', '"line\\nbreak"',
	'"0x7fffffffffffffff"', '"9223372036854775808"', '"nan"', '"inf"', '"abcdefghijklmnopqrstuvwxyz0123456789ABCDEF"', '("long "):rep(12)', '"aXbXc"', '"1,2,3"', '"(a(b)c)"', '"n"', '"y"', '"  trim "' }
local fields = { "a", "b", "c", "x", "y", "n", "key", "f" }
local bad_patterns = { '"%"', '"("', '"[a"', '"%1"', '"%b("', '"a)"', '"%f"' }
local bad_formats = { '"%y"', '"%"', '"%d"', '"%123d"', '"%s %s"', '"%.100f"' }
local patterns = { '"a"', '"%a+"', '"(%w)(%w)"', '"."', '"[abc]"', '"^%s*(.-)%s*$"', '"%d+"', '"x*"', '"(.)%1"', '"()"', '"%b()"', '"%f[%w]%w+"', '"[^,]+"', '"b-"', '"%s"', '"(a)(b)?"', '"$"', '"^a"', '""', '"%%"', '".-b"' }
local formats = { '"%d"', '"%5d"', '"%-5d|"', '"%05d"', '"%x"', '"%g"', '"%.3f"', '"%e"', '"%5.1f"', '"%s"', '"%10s"', '"%.2s"', '"%q"', '"%c"', '"%i"', '"%a"', '"%%"', '"%+d"', '"%o"', '"%X"', '"%.14g"' }

local function pattern()
	return chance(3) and pick(bad_patterns) or pick(patterns)
end

local expression, integer, float, number, text, boolean, list, tab, any, func, unpacked

-- What becomes text: the sign of NaN would.
local function signed(e)
	return "F(" .. e .. ")"
end
-- What is kept by number: nil would leave a hole.
local function present(e)
	return e:find("%a") and "V(" .. e .. ")" or e
end
local function printable(d)
	return chance(60) and integer(d) or signed(number(d))
end
local function printable_float(d)
	return signed(float(d))
end

local function parenthesized(e)
	return chance(70) and "(" .. e .. ")" or e
end
local function variable(kind)
	local v = find(kind)
	return v and v.name
end
local function arguments(n, kind, d)
	local t = {}
	for i = 1, n do
		t[i] = expression(kind or pick({ "integer", "number", "text", "any", "boolean", "list" }), d)
	end
	return concat(t, ", ")
end
-- A call of a function that was made before and gives a value of that kind.
local function call(kind, d)
	local found, n = nil, 0
	for i = #written.scope, 1, -1 do
		local v = written.scope[i]
		if v.kind == "function" and (v.result == kind or kind == "any") then
			n = n + 1
			if random(n) == 1 then
				found = v
			end
		end
	end
	if not found then
		return nil
	end
	local n = found.parameters + (found.vararg and random(0, 3) or chance(10) and random(-1, 1) or 0)
	local given = arguments(math.max(n, 0), chance(85) and "integer" or "any", d - 1)
	if chance(8) then
		given = (given == "" and "" or given .. ", ") .. unpacked(d - 1)
	end
	return format("%s(%s)", found.name, given)
end

function integer(d)
	local r = random(100)
	if d <= 0 or r <= 18 then
		return chance(60) and variable("integer") or pick(integers)
	elseif r <= 52 then
		local op = pick({ "+", "-", "*", "+", "-", "&", "|", "~", "<<", ">>" })
		return parenthesized(integer(d - 1) .. " " .. op .. " " .. integer(d - 1))
	elseif r <= 60 then
		local divisor = chance(8) and integer(d - 1) or chance(50) and pick({ "3", "-3", "7", "-1", "2", "10", "-7", "64" }) or "(" .. integer(d - 1) .. " | 1)"
		return format(pick({ "(%s // %s)", "(%s %% %s)", "math.fmod(%s, %s)" }), integer(d - 1), divisor)
	elseif r <= 65 then
		return pick({ "-", "~" }) .. "(" .. integer(d - 1) .. ")"
	elseif r <= 69 then
		return "#" .. (variable("list") or variable("text") or '"four"')
	elseif r <= 73 then
		return format("(%s and %s or %s)", boolean(d - 1), integer(d - 1), integer(d - 1))
	elseif r <= 76 then
		return format("((%s):byte(%s) or %s)", text(d - 1), pick({ "1", "-1", "2", integer(0) }), integer(0))
	elseif r <= 80 then
		return format("(math.tointeger(%s) or %s)", number(d - 1), integer(0))
	elseif r <= 83 then
		return format(pick({ "math.max(%s, %s)", "math.min(%s, %s)", "(%s | %s)" }), integer(d - 1), integer(d - 1))
	elseif r <= 86 then
		return written.vararg and pick({ "select('#', ...)", "(math.tointeger((...)) or 0)" }) or format("#%s", "(" .. text(d - 1) .. ")")
	elseif r <= 90 then
		return call("integer", d) or integer(d - 1)
	elseif r <= 93 then
		local l = variable("list")
		return l and format("(%s[%s] or %s)", l, pick({ "1", "2", "#" .. l, integer(0) }), integer(0)) or format("select('#', %s)", unpacked(d - 1))
	elseif r <= 95 then
		return format("(%s // 1 | 0)", pick({ "3.7", "-2.5", "1e10", "7.0" }))
	elseif r <= 97 then
		return format("(%s %s %s)", pick({ '"10"', '"7"', '"0x10"', '" 5 "' }), pick({ "+", "-", "*", "//", "%" }), pick({ "3", "7", '"3"', "-2" }))
	else
		return format("(%s ~ %s)", integer(d - 1), pick({ "3.0", "2^31", "-1.0", integer(0) }))
	end
end

function float(d)
	local r = random(100)
	if d <= 0 or r <= 30 then
		return chance(50) and variable("float") or pick(floats)
	elseif r <= 45 then
		return "(" .. number(d - 1) .. " / " .. number(d - 1) .. ")"
	elseif r <= 75 then
		return "(" .. float(d - 1) .. " " .. pick({ "+", "-", "*", "//", "%", "+", "*" }) .. " " .. number(d - 1) .. ")"
	elseif r <= 82 then
		return "(" .. number(d - 1) .. " ^ " .. pick({ "2", "0.5", "-1", "0", "3.0", number(0) }) .. ")"
	elseif r <= 87 then
		return "-(" .. float(d - 1) .. ")"
	elseif r <= 92 then
		return format("(%s + 0.0)", integer(d - 1))
	elseif r <= 96 then
		return format("math.%s(%s)", pick({ "sqrt", "abs", "exp", "sin", "floor", "ceil", "log" }), float(d - 1))
	else
		return format("math.fmod(%s, %s)", float(d - 1), pick({ "2.5", "-3.0", "1e10", float(0) }))
	end
end

function number(d)
	local r = random(100)
	if r <= 50 then
		return integer(d)
	elseif r <= 85 then
		return float(d)
	elseif r <= 90 then
		return variable("number") or float(d)
	elseif r <= 93 then
		return format("(tonumber(%s) or %s)", text(d - 1), number(0))
	elseif r <= 95 then
		return format(pick({ "(math.modf(%s))", "select(2, math.modf(%s))" }), number(d - 1))
	end
	return "(" .. pick({ '"10"', '"0x10"', '"1e1"', '" 5 "', '"3.5"', '"9223372036854775808"' }) .. " " .. pick({ "+", "-", "*", "/", "//", "%", "^" }) .. " " .. number(d - 1) .. ")"
end

function text(d)
	local r = random(100)
	if d <= 0 or r <= 30 then
		return chance(50) and variable("text") or pick(strings)
	elseif r <= 48 then
		return "(" .. text(d - 1) .. " .. " .. pick({ text, integer, text, printable })(d - 1) .. ")"
	elseif r <= 53 then
		return "(" .. text(d - 1) .. " .. " .. text(d - 1) .. " .. " .. pick({ text, integer })(d - 1) .. ")"
	elseif r <= 60 then
		return format("string.sub(%s, %s, %s)", text(d - 1), pick({ "1", "2", "-2", "0", integer(0) }), pick({ "-1", "2", "5", "-3", integer(0) }))
	elseif r <= 64 then
		return format("string.%s(%s)", pick({ "upper", "lower", "reverse" }), text(d - 1))
	elseif r <= 67 then
		return format("string.rep(%s, %s)", text(d - 1), pick({ "0", "1", "3", "5", "-1" }))
	elseif r <= 74 then
		local f = chance(4) and pick(bad_formats) or pick(formats)
		return format("string.format(%s, %s)", f, (f:find('[dcioxX]"') or f:find("[dx]|")) and integer(d - 1) or f:find('[egfa]"') and printable(d - 1) or chance(80) and "T(" .. text(d - 1) .. ")" or printable(d - 1))
	elseif r <= 79 then
		return format(chance(50) and "tostring(T(%s))" or "T(%s)", pick({ integer, printable_float, boolean, text })(d - 1))
	elseif r <= 82 then
		return format("table.concat(%s, %s)", list(d - 1), pick(strings))
	elseif r <= 85 then
		return format("string.char(%s & 127, %s & 255)", integer(d - 1), integer(0))
	elseif r <= 91 then
		return format("(string.gsub(%s, %s, %s))", text(d - 1), pattern(), chance(3) and '"%2"' or pick({ '"-"', '"%0%0"', '"<%0>"', "{ a = 1, b = 'B' }", "string.upper", '""' }))
	elseif r <= 95 then
		return format("(string.match(%s, %s) or %s)", text(d - 1), pattern(), text(0))
	elseif r <= 97 then
		return call("text", d) or text(d - 1)
	end
	return format("(%s and %s or %s)", boolean(d - 1), text(d - 1), text(d - 1))
end

function boolean(d)
	local r = random(100)
	if d <= 0 or r <= 15 then
		return chance(60) and variable("boolean") or pick({ "true", "false" })
	elseif r <= 40 then
		return parenthesized(integer(d - 1) .. " " .. pick({ "<", "<=", ">", ">=", "==", "~=" }) .. " " .. pick({ integer, number, integer })(d - 1))
	elseif r <= 55 then
		return parenthesized(number(d - 1) .. " " .. pick({ "<", "<=", ">", ">=", "==", "~=" }) .. " " .. number(d - 1))
	elseif r <= 66 then
		return parenthesized(text(d - 1) .. " " .. pick({ "<", "<=", ">", ">=", "==", "~=" }) .. " " .. text(d - 1))
	elseif r <= 76 then
		return "(not " .. (chance(60) and boolean(d - 1) or any(d - 1)) .. ")"
	elseif r <= 88 then
		return "(" .. boolean(d - 1) .. pick({ " and ", " or " }) .. boolean(d - 1) .. ")"
	elseif r <= 94 then
		return "(" .. any(d - 1) .. " " .. pick({ "==", "~=" }) .. " " .. any(d - 1) .. ")"
	elseif r <= 97 then
		return format("rawequal(%s, %s)", any(d - 1), any(d - 1))
	end
	return format("math.ult(%s, %s)", integer(d - 1), integer(d - 1))
end

function list(d)
	local r = random(100)
	if d <= 0 or r <= 45 then
		return variable("list") or "{ 1, 2, 3 }"
	elseif r <= 75 then
		local t = {}
		for i = 1, random(0, 6) do
			t[i] = present(integer(d - 1))
		end
		return "{ " .. concat(t, ", ") .. " }"
	elseif r <= 82 then
		return format("{ table.unpack(%s) }", list(d - 1))
	elseif r <= 88 then
		return format("{ string.byte(%s, 1, 8) }", text(d - 1))
	elseif r <= 94 then
		return format("table.move(%s, 1, %s, 1, {})", list(d - 1), pick({ "0", "1", "2" }))
	end
	return written.vararg and "N(...)" or format("{ %s, table.unpack(%s) }", integer(d - 1), list(d - 1))
end

-- Values of a list: all, or those between bounds of all kinds.
function unpacked(d)
	local bounds = pick({ "", "", "", ", 2", ", 1, 3", ", 0, 2", ", -1, 1", ", nil, 2", ", 3, 2", ", 1, 20", ", %s, %s", ", 1, %s", ", %s, 3", ", math.maxinteger, math.mininteger", ", math.mininteger, math.maxinteger", ", math.maxinteger - 1, math.maxinteger" })
	return format("table.unpack(%s%s)", list(d - 1), (bounds:gsub("%%s", function() return chance(40) and variable("integer") or random(-1, 6) end)))
end

function tab(d)
	local r = random(100)
	if d <= 0 or r <= 50 then
		return variable("table") or variable("object") or "{}"
	end
	local t = {}
	for i = 1, random(0, 5) do
		local kind = random(6)
		if kind <= 3 then
			t[i] = pick(fields) .. " = " .. any(d - 1)
		elseif kind == 4 then
			t[i] = "[" .. pick({ integer, text, boolean, number })(d - 2) .. "] = " .. any(d - 1)
		else
			t[i] = present(any(d - 1))
		end
	end
	return "{ " .. concat(t, ", ") .. " }"
end

function func(d)
	return variable("function") or pick({ "math.abs", "string.len", "T", "type", "print_nothing", "select" })
end

function any(d)
	local r = random(100)
	if r <= 22 then
		return integer(d)
	elseif r <= 34 then
		return float(d)
	elseif r <= 48 then
		return text(d)
	elseif r <= 58 then
		return boolean(d)
	elseif r <= 63 then
		return "nil"
	elseif r <= 68 then
		return variable("table") or variable("list") or "{}"
	elseif r <= 72 then
		return variable("any") or variable("anything") or "nil"
	elseif r <= 83 then
		local t = variable("table")
		if not t then
			return integer(d)
		end
		return chance(70) and t .. "." .. pick(fields) or t .. "[" .. pick({ integer, text, number })(d - 1) .. "]"
	elseif r <= 87 then
		return call("any", d) or text(d)
	elseif r <= 90 then
		return variable("object") or "nil"
	elseif r <= 93 then
		local a, b = variable("object"), variable("object")
		if not a then
			return number(d)
		end
		local op = pick({ "+", "-", "*", "/", "%", "^", "//", "&", "|", "~", "<<", ">>", "..", "==", "<", "<=" })
		if chance(30) then
			return "(" .. any(0) .. " " .. op .. " " .. a .. ")"
		end
		return "(" .. a .. " " .. op .. " " .. (chance(50) and b or any(0)) .. ")"
	elseif r <= 95 then
		local o = variable("object")
		return o and pick({ "-", "#", "~", "not " }) .. o or text(d)
	elseif r <= 97 then
		return format("(%s %s %s)", any(d - 1), pick({ "and", "or" }), any(d - 1))
	elseif r <= 98 then
		return written.vararg and "(...)" or boolean(d)
	end
	return func(d)
end

local makers = {}
function expression(kind, d)
	if d <= -3 then
		d = -3
	end
	return makers[kind](d)
end
makers.integer, makers.float, makers.number, makers.text, makers.boolean = integer, float, number, text, boolean
makers.list, makers.table, makers.any, makers["function"] = list, tab, any, func
makers.object = function(d) return variable("object") or tab(d) end
makers.anything = any

-- Now and then not what is expected.
local function expected(kind, d)
	return chance(3) and any(d) or expression(kind, d)
end

return {
	expression = expression, expected = expected,
	integer = integer, number = number, text = text, boolean = boolean, list = list, any = any,
	call = call, arguments = arguments, unpacked = unpacked, variable = variable,
	present = present, pattern = pattern, fields = fields,
}
