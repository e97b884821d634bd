-- Makes random Lua programs for the comparison of two interpreters.
--
--   lua5.4 generate.lua SEED COUNT > BATCH
--
-- A batch is a file of programs, each as `== NUMBER LENGTH`, a newline, the source
-- and a newline. The same seed gives the same batch. run.lua runs it; what a
-- program may use besides the language is what run.lua gives it: P to print, S to
-- keep strings short, F to have no NaN, T for no addresses in text, V for no
-- nil, H for sums that do not depend on the order of keys, N for a list of numbers, M
-- for messages, K for closures that are called last, C, which returns its argument, E
-- for the environment, and tick.
--
-- Types are followed roughly, so that most of a program runs before it fails; now
-- and then something of another type is taken on purpose. Loops are bounded, and
-- functions call only those made before them, so everything ends: and tick(), in
-- each loop and function, ends what multiplies.
--
-- What is left out, and why, is listed at the head of jitlua_fuzz.py.

local random, format, concat = math.random, string.format, table.concat
local seed, count = tonumber(arg[1]) or 1, tonumber(arg[2]) or 100

local out, indent, scope, level, names, fuel
local in_loop, in_function, vararg, labels

local function pick(t)
	return t[random(#t)]
end
local function chance(percent)
	return random(100) <= percent
end
local function emit(...)
	out[#out + 1] = ("\t"):rep(indent) .. format(...)
end
local function fresh(prefix)
	names = names + 1
	return prefix .. names
end

-- ---- Variables -----------------------------------------------------------------------

local function declare(name, kind, more)
	local v = more or {}
	v.name, v.kind, v.level = name, kind, level
	scope[#scope + 1] = v
	return v
end
local function find(kind, writable)
	local found
	local n = 0
	for i = #scope, 1, -1 do
		local v = scope[i]
		if (v.kind == kind or kind == "anything") and not (writable and v.constant) then
			n = n + 1
			if random(n) == 1 then
				found = v
			end
			if n > 12 then
				break
			end
		end
	end
	return found
end
local function block(body)
	local saved, saved_labels = #scope, labels
	indent = indent + 1
	labels = {}
	body()
	indent = indent - 1
	labels = saved_labels
	for i = #scope, saved + 1, -1 do
		scope[i] = nil
	end
end

-- ---- Expressions -----------------------------------------------------------------------

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

local expression, integer, float, number, text, boolean, list, tab, any, func

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
	for i = #scope, 1, -1 do
		local v = scope[i]
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
	return format("%s(%s)", found.name, arguments(math.max(n, 0), chance(85) and "integer" or "any", d - 1))
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
		return "(" .. integer(d - 1) .. " " .. pick({ "//", "%" }) .. " " .. divisor .. ")"
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
		return vararg and pick({ "select('#', ...)", "(math.tointeger((...)) or 0)" }) or format("#%s", "(" .. text(d - 1) .. ")")
	elseif r <= 90 then
		return call("integer", d) or integer(d - 1)
	elseif r <= 93 then
		local l = variable("list")
		return l and format("(%s[%s] or %s)", l, pick({ "1", "2", "#" .. l, integer(0) }), integer(0)) or integer(d - 1)
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
	elseif r <= 95 then
		return format("(tonumber(%s) or %s)", text(d - 1), number(0))
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
	return vararg and "N(...)" or format("{ %s, table.unpack(%s) }", integer(d - 1), list(d - 1))
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
		return vararg and "(...)" or boolean(d)
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

-- ---- Statements ---------------------------------------------------------------------------

local statements, statement
local kinds = { "integer", "integer", "integer", "float", "number", "text", "text", "boolean", "list", "table", "any" }

local function tick()
	emit("tick()")
end

-- What is assigned in a loop or a function may grow with each round.
local function kept(kind, e)
	return (kind == "text" or kind == "any") and in_loop + level > 0 and "S(" .. e .. ")" or e
end

local function show()
	local t = {}
	for i = 1, random(1, 3) do
		t[i] = chance(70) and (variable("anything") or any(1)) or any(2)
	end
	emit("P(%s)", concat(t, ", "))
end

-- The name of a variable of that kind, made if there is none.
local function some(kind)
	local name = variable(kind)
	if not name then
		name = fresh("v")
		emit("local %s = %s", name, kind == "list" and pick({ "{ 3, 1, 2 }", "{}", "{ 5, -1, 5, 0 }" }) or pick({ "{ a = 1, b = 2.5, 'x' }", "{}", "{ n = {}, 1, 2, 3 }" }))
		declare(name, kind == "list" and "list" or "table")
	end
	return name
end

local function local_statement()
	local r = random(100)
	if r <= 60 then
		local kind = pick(kinds)
		local e = kept(kind, expected(kind, 3))
		local constant = chance(12)
		local v = fresh("v")
		emit("local %s%s = %s", v, constant and " <const>" or "", e)
		declare(v, kind, { constant = constant })
	elseif r <= 80 then
		local n = random(2, 4)
		local names_, values, made = {}, {}, {}
		for i = 1, n do
			names_[i], made[i] = fresh("v"), pick(kinds)
		end
		local given = chance(70) and n or random(0, n + 1)
		for i = 1, given do
			values[i] = kept(made[i] or "any", expected(made[i] or "any", 2))
		end
		emit("local %s%s", concat(names_, ", "), given > 0 and " = " .. concat(values, ", ") or "")
		for i = 1, n do
			declare(names_[i], i <= given and made[i] or "any")
		end
	elseif r <= 90 and call("any", 0) then
		local a, b = fresh("v"), fresh("v")
		emit("local %s, %s = %s", a, b, call("any", 2))
		declare(a, "any")
		declare(b, "any")
	elseif vararg then
		local a, b = fresh("v"), fresh("v")
		emit("local %s, %s = %s", a, b, pick({ "...", "select(2, ...)", "..., 1", "(...)", "table.unpack({ ... }, 1, 2)" }))
		declare(a, "any")
		declare(b, "any")
	else
		local g = "G" .. random(6)
		local kind = pick({ "integer", "text" })
		emit("%s%d = %s", kind == "integer" and "GI" or "GS", random(4), kept(kind, expression(kind, 2)))
	end
end

local function assignment()
	local r = random(100)
	if r <= 50 then
		local v = find(pick(kinds), true)
		if not v then
			return local_statement()
		end
		if v.kind == "integer" and chance(50) then
			emit("%s = %s %s %s", v.name, v.name, pick({ "+", "-", "*", "~", "&", "|", "+", "-" }), integer(1))
		else
			emit("%s = %s", v.name, kept(v.kind, expected(v.kind, 3)))
		end
	elseif r <= 60 then
		local kind = pick({ "integer", "text", "number", "any" })
		local a, b = find(kind, true), find(kind, true)
		if a and b then
			emit("%s, %s = %s, %s", a.name, b.name, b.name, kept(kind, expression(kind, 1)))
		end
	elseif r <= 78 then
		local t = variable("table")
		if t then
			if chance(75) then
				emit("%s.%s = %s", t, pick(fields), kept("any", any(2)))
			else
				-- A key with a jump in it, in a table that is an upvalue: the code that
				-- Lua 5.4.4 makes may not load the table.
				local k = fresh("k")
				emit("local %s = %s", k, pick({ integer, text, number, boolean })(1))
				emit("%s[%s] = %s", t, k, kept("any", any(2)))
			end
		end
	elseif r <= 86 then
		local l = variable("list")
		if l then
			-- First the value: a call in it may shorten the list, and leave a hole.
			local e, r = fresh("e"), random(4)
			emit("local %s = %s", e, present(integer(2)))
			if r == 1 then
				emit("%s[#%s + 1] = %s", l, l, e)
			elseif r == 2 then
				emit("table.insert(%s, %s%s)", l, chance(50) and "1, " or "", e)
			elseif r == 3 then
				emit("if #%s > 0 then %s[#%s] = %s end", l, l, l, e)
			else
				emit("if #%s >= 2 then %s[%s] = %s end", l, l, pick({ "1", "2", "#" .. l, "#" .. l .. " + 1" }), e)
			end
		end
	elseif r <= 92 then
		local o = variable("object")
		if o then
			emit("%s.%s = %s", o, pick(fields), kept("any", any(1)))
		end
	elseif r <= 96 then
		local t, l = variable("table"), variable("list")
		if t and l then
			local e = fresh("e")
			emit("local %s = %s", e, present(integer(1)))
			emit("%s.%s, %s[#%s + 1] = %s[1], %s", t, pick(fields), l, l, l, e)
		end
	else
		emit("GI%d = (GI%d or 0) + %s", random(4), random(4), integer(1))
	end
end

local function if_statement(d)
	emit("if %s then", chance(85) and boolean(2) or any(2))
	block(function() statements(random(1, 3), d - 1) end)
	while chance(25) do
		emit("elseif %s then", boolean(2))
		block(function() statements(random(1, 2), d - 1) end)
	end
	if chance(45) then
		emit("else")
		block(function() statements(random(1, 3), d - 1) end)
	end
	emit("end")
end

local function loop_body(d, first, no_break)
	in_loop = in_loop + 1
	block(function()
		tick()
		if first then
			first()
		end
		local label = chance(30) and fresh("continue")
		if label then
			emit("if %s then goto %s end", boolean(1), label)
			emit("do")
			block(function() statements(random(1, 3), d - 1) end)
			emit("end")
			emit("::%s::", label)
		else
			statements(random(1, 3), d - 1)
			if not no_break and chance(25) then
				emit("if %s then break end", boolean(1))
			end
		end
	end)
	in_loop = in_loop - 1
end

local function loop_statement(d)
	local r = random(100)
	if r <= 30 then
		local v = fresh("i")
		emit("for %s = %s, %s%s do", v, pick({ "1", "0", "-2", "5", integer(0) }), pick({ "3", "6", "1", "10", "-3" }), chance(40) and ", " .. pick({ "1", "2", "-1", "3", "-2" }) or "")
		loop_body(d, function() declare(v, "integer", { constant = chance(70) }) emit("C(%s)", v) end)
		emit("end")
	elseif r <= 42 then
		-- Bounds of all kinds; the body counts.
		local v, n = fresh("i"), fresh("n")
		emit("local %s = 0", n)
		local bounds = { "math.maxinteger", "math.maxinteger - 2", "math.mininteger", "math.mininteger + 2", "1", "0", "-1", "3", "1.0", "0.5", "-2.5", "2^53", "math.huge", "-math.huge", "1e308", "2^63", "3.9", number(1), "'3'" }
		emit("for %s = %s, %s, %s do", v, pick(bounds), pick(bounds), pick({ "1", "-1", "2", "0.5", "-0.25", "math.maxinteger", "math.mininteger", "0", "1e300", "1 << 62", integer(0) }))
		in_loop = in_loop + 1
		block(function()
			tick()
			emit("%s = %s + 1", n, n)
			emit("P(%s)", v)
			emit("if %s >= %d then break end", n, random(2, 5))
			declare(v, "number", { constant = true })
			statements(1, d - 1)
		end)
		in_loop = in_loop - 1
		emit("end")
		declare(n, "integer")
	elseif r <= 52 then
		local n = fresh("n")
		emit("local %s = %d", n, random(2, 6))
		emit("while %s > 0%s do", n, chance(40) and " and " .. boolean(1) or "")
		loop_body(d, function() emit("%s = %s - 1", n, n) declare(n, "integer", { constant = true }) end)
		emit("end")
	elseif r <= 62 then
		local n = fresh("n")
		emit("local %s = 0", n)
		emit("repeat")
		in_loop = in_loop + 1
		block(function()
			tick()
			emit("%s = %s + 1", n, n)
			statements(random(1, 2), d - 1)
			local v = fresh("v")
			emit("local %s = %s", v, boolean(1))
			out[#out + 1] = ("\t"):rep(indent - 1) .. format("until %s or %s >= %d", v, n, random(1, 4))
		end)
		in_loop = in_loop - 1
	elseif r <= 74 then
		local i, v = fresh("i"), fresh("v")
		emit("for %s, %s in ipairs(%s) do", i, v, list(2))
		loop_body(d, function() declare(i, "integer", { constant = true }) declare(v, "integer") end)
		emit("end")
	elseif r <= 84 then
		local k, v, s = fresh("k"), fresh("v"), fresh("s")
		local of = pick({ "table", "list", "object" })
		local t = some(of)
		emit("local %s = 0", s)
		emit("for %s, %s in %s do", k, v, chance(70) and format("pairs(%s)", t) or format("next, %s", t))
		block(function()
			tick()
			emit("%s = %s + H(%s, %s)", s, s, k, v)
			if chance(20) then
				emit("%s[%s] = %s", t, k, of == "list" and "7" or pick({ "nil", v, "1" }))
			end
		end)
		emit("end")
		emit("P(%s)", s)
		declare(s, "integer")
	elseif r <= 90 then
		local a, b = fresh("v"), fresh("v")
		emit("for %s, %s in string.gmatch(%s, %s) do", a, b, text(2), pick({ '"%a"', '"(%w)(%w?)"', '"()."', '"[^,]*"', '"x*"', '"%d+"' }))
		loop_body(d, function() declare(a, "any") declare(b, "any") end)
		emit("end")
	elseif r <= 95 then
		local v, f = fresh("v"), fresh("n")
		emit("for %s in coroutine.wrap(function() for i = 1, %d do coroutine.yield(%s) end end) do", v, random(0, 4), pick({ "i", "i * 1.5", "'s' .. i" }))
		loop_body(d, function() declare(v, "any") end)
		emit("end")
	else
		local v = fresh("v")
		local closing = chance(50)
		emit("for %s in function(s, c) tick() if c < s then return c + 1 end end, %d, %d%s do", v, random(0, 5), random(0, 2), closing and ", setmetatable({}, { __close = function() P('closed for') end })" or chance(10) and ", 5" or "")
		-- The code that Lua 5.4.4 makes for `break` may not close the value.
		loop_body(d, function() declare(v, "integer") end, closing)
		emit("end")
	end
end

-- A function's body; what it returns is of the kind that is said. `first` writes its beginning.
local function function_body(parameters, is_vararg, result, d, n, first)
	local saved_vararg, saved_loop, saved_labels, saved_function = vararg, in_loop, labels, in_function
	vararg, in_loop, in_function, labels = is_vararg, 0, in_function + 1, {}
	level = level + 1
	block(function()
		for _, p in ipairs(parameters) do
			declare(p[1], p[2])
		end
		tick()
		if first then
			first()
		end
		statements(n or random(1, 4), d)
		local r = random(100)
		if result == "none" then
			emit("return")
		elseif r <= 60 then
			emit("return %s", expression(result, 2))
		elseif r <= 75 then
			emit("return %s, %s", expression(result, 2), any(1))
		elseif r <= 85 then
			emit("return %s", call(result, 2) or expression(result, 1)) -- a tail call
		elseif r <= 92 and is_vararg then
			emit("return %s, ...", expression(result, 1))
		else
			emit("if %s then return %s end", boolean(1), expression(result, 1))
			emit("return %s", expression(result, 2))
		end
	end)
	level = level - 1
	vararg, in_loop, labels, in_function = saved_vararg, saved_loop, saved_labels, saved_function
end

local function parameter_list()
	local parameters, written = {}, {}
	for i = 1, random(0, 3) do
		parameters[i] = { fresh("p"), pick({ "integer", "integer", "any" }) }
		written[i] = parameters[i][1]
	end
	local is_vararg = chance(30)
	if is_vararg then
		written[#written + 1] = "..."
	end
	return parameters, concat(written, ", "), is_vararg
end

local function function_statement(d)
	local r = random(100)
	local f = fresh("f")
	local result = pick({ "integer", "integer", "text", "any", "list" })
	if r <= 70 then
		local parameters, written, is_vararg = parameter_list()
		emit(chance(70) and "local function %s(%s)" or "local %s = function(%s)", f, written)
		function_body(parameters, is_vararg, result, d - 1)
		emit("end")
		declare(f, "function", { result = result, parameters = #parameters, vararg = is_vararg, constant = true })
	elseif r <= 85 then
		-- Recursion with an end.
		local n = fresh("p")
		local a = fresh("p")
		emit("local function %s(%s, %s)", f, n, a)
		function_body({ { n, "integer" }, { a, "integer" } }, false, "integer", 0, 1)
		table.remove(out)
		emit("\tif %s <= 0 or %s > 12 then return %s end", n, n, a)
		emit(pick({ "\treturn %s(%s - 1, %s)", "\treturn 1 + %s(%s - 1, %s)", "\treturn (%s(%s - 1, %s))" }), f, n, pick({ a, "1", a .. " + 1", integer(0) }))
		emit("end")
		declare(f, "function", { result = "integer", parameters = 2, constant = true })
	else
		-- A counter with a state of its own.
		local v = fresh("v")
		emit("local %s", f)
		emit("do")
		emit("\tlocal %s = %s", v, integer(1))
		emit("\t%s = function(d) tick() %s = %s + (math.tointeger(d) or 1) return %s end", f, v, v, v)
		emit("end")
		declare(f, "function", { result = "integer", parameters = 1, constant = true })
	end
end

local events = { "add", "sub", "mul", "div", "mod", "pow", "unm", "idiv", "band", "bor", "bxor", "shl", "shr", "bnot", "concat", "len", "eq", "lt", "le", "index", "newindex", "call", "close", "tostring" }
local function object_statement(d)
	local mt, o = fresh("v"), fresh("o")
	emit("local %s = {}", mt)
	declare(mt, "metatable", { constant = true })
	for i = 1, random(1, 6) do
		local e = pick(events)
		if e == "index" and chance(50) then
			emit("%s.__index = %s", mt, pick({ mt, variable("table") or "{ a = 1, x = 'X' }", variable("list") or "{ 1 }" }))
		elseif e == "newindex" then
			if chance(50) then
				emit("%s.__newindex = function(t, k, v) tick() rawset(t, k, v) P('new', k) end", mt)
			else
				emit("%s.__newindex = %s", mt, variable("table") or "{}")
			end
		else
			local a, b = fresh("p"), fresh("p")
			emit("%s.__%s = function(%s, %s)", mt, e, a, b)
			function_body({ { a, "metatable" }, { b, "any" } }, false, e == "tostring" and "text" or e == "len" and "integer" or e == "close" and "none" or pick({ "integer", "any", "text", "boolean" }), d - 2, random(0, 2))
			emit("end")
		end
	end
	emit("local %s = setmetatable({ %s = %s, n = %d, %s }, %s)", o, pick(fields), integer(1), random(5), chance(50) and "1, 2" or "", mt)
	declare(o, "object", { constant = true })
	if chance(40) then
		local o2 = fresh("o")
		emit("local %s = setmetatable({ n = %d }, %s)", o2, random(5), mt)
		declare(o2, "object", { constant = true })
	end
	if chance(40) then
		emit("P(%s.%s, %s[%s])", o, pick(fields), o, integer(0))
	end
	if chance(30) then
		emit("P(pcall(%s, %s))", o, arguments(random(1, 3), "integer", 1))
	end
end

-- A loop around pcall or xpcall of a function that fails in some turns.
local failures = { "error(%s)", "error(%s, 0)", "error(%s, 2)", "error(%s, 3)", "return error(%s)", "return error(%s, 2)", "assert(false, %s)", "return assert(nil, %s)", "assert(%s == P)",
	"return %s + {}", "local x = %s x = x.y.z", "return (nil)(%s)", "string.rep({}, %s)", "return P(pcall(error, %s))", "error({ %s })", "error()" }
local function protected_loop(d)
	local f, p, i, ok, v = fresh("f"), fresh("p"), fresh("i"), fresh("v"), fresh("v")
	local parameters, is_vararg = { { p, "integer" } }, chance(30)
	local written = is_vararg and p .. ", ..." or p
	local wrappers, inside = chance(60) and random(1, 3) or 0, chance(40)
	local functions = { f }
	local handler = chance(30) and pick({ "M", "function(m) return 'handled ' .. M(m) end", "function(m) return m, 2 end", "debug.traceback", "function(m) error(m, 0) end", "function(m) return pcall(error, m) end" })
	local function fail()
		emit("if %s %% %d == %d then %s end", p, random(1, 5), random(0, 1), (pick(failures):gsub("%%s", function() return "(" .. any(1) .. ")" end)))
	end
	local function write_function()
		emit("local function %s(%s)", f, written)
		function_body(parameters, is_vararg, pick({ "integer", "any", "text" }), d - 1, random(0, 2), fail)
		emit("end")
		for n = 1, wrappers do
			local g = fresh("f")
			emit("local function %s(%s)", g, written)
			if chance(40) then
				emit("\tlocal a, b, c = 1, %s, 3", p)
			end
			emit(pick({ "\treturn %s(%s)", "\tlocal x, y = %s(%s) return x, y", "\treturn (%s(%s))", "\treturn pcall(%s, %s)", "\tlocal o, x = pcall(%s, %s) if not o then error(x, 0) end return x", "\tfor k in %s, %s do return k end" }), pick(functions), written)
			emit("end")
			functions[n + 1] = g
		end
	end
	emit("do")
	block(function()
		if not inside then
			write_function()
		end
		emit("for %s = 1, %d do", i, random(3, 60))
		in_loop = in_loop + 1
		block(function()
			tick()
			declare(i, "integer", { constant = true })
			if inside then
				write_function()
			end
			local called = format("({ %s })[%s %% %d + 1]", concat(functions, ", "), i, #functions)
			if chance(40) then
				called = functions[#functions]
			end
			emit("local %s, %s = %s(%s%s, %s%s)", ok, v, handler and "xpcall" or "pcall", called, handler and ", " .. handler or "", i, chance(40) and ", " .. any(1) or "")
			emit(pick({ "P(%s, M(%s))", "if not %s then P(M(%s)) end", "if %s then P(%s) end", "C(%s, %s)" }), ok, v)
			declare(v, "any")
			if chance(30) then
				statements(1, d - 1)
			end
		end)
		in_loop = in_loop - 1
		emit("end")
	end)
	emit("end")
end

local function protected_statement(d)
	local r = random(100)
	if r <= 25 then
		protected_loop(d)
	elseif r <= 55 then
		emit("P(pcall(function(...)")
		function_body({}, true, pick({ "integer", "any", "text" }), d - 1)
		emit("end, %s))", arguments(random(1, 2), "integer", 1))
	elseif r <= 75 then
		emit("P(xpcall(function()")
		function_body({}, false, "any", d - 1)
		emit("end, %s))", pick({ "function(m) return 'handled ' .. M(m) end", "function(m) return m, 'second' end", "M", "function(m) tick() return debug.traceback(M(m), 1) end", "function(m) error(m, 0) end", "function(m) return #M(m) end" }))
	elseif r <= 85 then
		emit("P(pcall(error, %s, %s))", any(1), pick({ "0", "1", "2", "3", "nil" }))
	elseif r <= 86 then
		-- No empty string many times, which takes its time, nor what fits into memory just so.
		emit("P(pcall(string.rep, %s, %s))", any(1), pick({ "-1", "0", "3.0", "'2'", "2.5", "{}" }) .. pick({ "", ", ','", ", 1" }))
		emit("P(pcall(string.rep, 'ab', %s))", pick({ "math.maxinteger", "1 << 62", "math.mininteger", "-5" }))
	elseif r <= 92 then
		emit("P(pcall(%s, %s))", pick({ "string.sub", "table.concat", "table.unpack", "setmetatable", "tonumber", "select", "math.floor", "string.char", "table.insert", "ipairs", "rawset", "string.format", "next_nothing", "assert", "math.fmod", "string.byte", "table.remove", "utf8.char", "math.tointeger", "string.find", "rawlen", "tostring" }), arguments(random(1, 3), "any", 1))
	else
		emit("do")
		block(function()
			local a, b = fresh("v"), fresh("v")
			emit("P(pcall(function()")
			level = level + 1
			block(function()
				emit("local %s <close> = setmetatable({}, { __close = function(_, e) tick() P('close a', M(e)) %s end })", a, chance(25) and "error('in close', 0)" or "")
				emit("local %s <close> = setmetatable({}, { __close = function(_, e) P('close b', M(e)) end })", b)
				local saved_vararg, saved_loop = vararg, in_loop
				vararg, in_loop = false, 0
				if chance(70) then
					statements(random(1, 2), d - 1)
				end
				vararg, in_loop = saved_vararg, saved_loop
				emit(pick({ "error(%s, 0)", "return %s", "local x = %s.y.z", "return 1, %s", "do return P(%s) end" }), "(" .. any(1) .. ")")
			end)
			level = level - 1
			emit("end))")
		end)
		emit("end")
	end
end

local function coroutine_statement(d)
	local co = fresh("c")
	local parameters = { { fresh("p"), "integer" }, { fresh("p"), "any" } }
	local kind = random(3)
	emit("local %s = coroutine.%s(function(%s, %s, ...)", co, kind == 1 and "create" or "wrap", parameters[1][1], parameters[2][1])
	local saved_vararg, saved_loop = vararg, in_loop
	vararg, in_loop = true, 0
	level = level + 1
	block(function()
		for _, p in ipairs(parameters) do
			declare(p[1], p[2])
		end
		tick()
		for i = 1, random(1, 3) do
			statements(random(0, 2), d - 1)
			local v = fresh("v")
			local r = random(6)
			if r == 1 then
				emit("local %s = pcall(function(...) return coroutine.yield(%s) end)", v, any(1))
			elseif r == 2 then
				emit("for i = 1, %d do tick() P(coroutine.yield(i, %s)) end local %s", random(3), integer(1), v)
			elseif r == 3 then
				emit("local %s = select('#', coroutine.yield(%s)) local x <close> = setmetatable({}, { __close = function(_, e) P('close in coroutine', M(e)) %s end })", v, any(1), chance(30) and "coroutine.yield('from close')" or "")
			elseif r == 4 then
				emit("local %s = setmetatable({}, { __add = function(a, b) return coroutine.yield(b) end, __index = function(_, k) return coroutine.yield(k) end, __lt = function() return coroutine.yield('lt') end, __concat = function(a, b) return coroutine.yield('concat') end, __eq = function() return coroutine.yield('eq') end, __call = function(self, ...) return coroutine.yield(...) end })", v)
				emit("P(%s)", pick({ v .. " + 1", v .. ".key", v .. " < 1", "not (" .. v .. " < " .. v .. ")", v .. " .. 'x'", "'x' .. 1 .. " .. v, v .. " == {}", v .. "(1, 2)", v .. " >= 2 and 1 or 2" }))
			else
				emit("local %s = coroutine.yield(%s)", v, arguments(random(0, 3), "any", 1))
			end
			declare(v, "any")
		end
		if chance(25) then
			emit("error(%s, 0)", any(1))
		else
			emit("return %s", any(1))
		end
	end)
	level = level - 1
	vararg, in_loop = saved_vararg, saved_loop
	emit("end)")
	for i = 1, random(1, 5) do
		if kind == 1 then
			emit("P(coroutine.resume(%s))", concat({ co, arguments(random(1, 2), "integer", 1) }, ", ", 1, random(2)))
			if chance(30) then
				emit("P(coroutine.status(%s))", co)
			end
		else
			emit("P(pcall(%s, %s))", co, arguments(random(1, 2), "integer", 1))
		end
	end
	if kind == 1 and chance(50) then
		emit("P(coroutine.close(%s), coroutine.status(%s))", co, co)
	end
end

local function library_statement()
	local r = random(100)
	local l, t = some("list"), some("table")
	if r <= 12 then
		emit("P(pcall(table.sort, %s%s))", l, pick({ "", ", function(a, b) return a > b end", ", function(a, b) tick() return a % 7 < b % 7 end", ", function(a, b) return b end" }))
	elseif r <= 20 then
		emit("P(table.remove(%s%s))", l, pick({ "", "", ", 1" }))
	elseif r <= 28 then
		emit("P(table.unpack(%s, %s, %s))", l, pick({ "1", "2", "0", "-1" }), pick({ "#" .. l, "3", "0", "5" }))
	elseif r <= 36 then
		emit("P(string.find(%s, %s%s))", text(2), pattern(), pick({ "", ", 2", ", -2", ", 1, true", ", " .. integer(0) }))
	elseif r <= 44 then
		emit("P(string.gsub(%s, %s, %s))", text(2), pattern(), pick({ "function(a, b) tick() return b end", "function(a) if a ~= 'b' then return a .. a end end", '"%1"', "{ a = true, b = 2 }", '"%%"' }))
	elseif r <= 50 then
		emit("P(string.unpack(%s, string.pack(%s, %s)))", '"<i4"', '"<i4"', integer(1) .. " & 0x7fffffff")
	elseif r <= 58 then
		emit("P(select(%s, %s))", pick({ "'#'", "1", "2", "-1", "-2" }), arguments(random(2, 4), "any", 1))
	elseif r <= 66 then
		emit("P(rawget(%s, %s), rawequal(%s, %s), rawlen(%s), type(%s))", t, pick({ '"a"', "1", "nil", "2.0" }), t, t, l, any(1))
	elseif r <= 74 then
		emit("P(tonumber(%s), tonumber(%s, %s), math.type(%s))", text(1), text(1), pick({ "10", "16", "2", "36" }), number(1))
	elseif r <= 80 then
		emit("P(next({}), next({ 5 }), #%s, %s[#%s])", l, l, l)
	elseif r <= 86 then
		emit("collectgarbage(%s)", pick({ "", "'step'", "'collect'", "'step', 10" }))
	elseif r <= 90 then
		emit("do local i = debug.getinfo(%s, 'Slnut') P(i and i.currentline, i and i.name, i and i.namewhat, i and i.nparams, i and i.isvararg, i and i.istailcall, i and i.short_src) end", pick({ "1", "1", "2" }))
	elseif r <= 94 then
		emit("P(debug.traceback(%s))", pick({ "'trace'", "'trace', 1", "'trace', 2" }))
	elseif r <= 97 then
		emit("P(utf8.char(%s & 0xffff), utf8.len(%s), #utf8.char(%s & 0x7fffffff))", integer(1), text(1), integer(1))
	else
		emit("P(table.concat(%s, ',', 1, %s))", l, pick({ "0", "1", "2" }))
	end
end

local function load_statement(d)
	local saved_out, saved_indent, saved_scope, saved_loop = out, indent, scope, in_loop
	out, indent, scope, in_loop = {}, 0, {}, 0
	local saved_vararg = vararg
	vararg = true
	level = level + 1
	for i = 1, random(1, 3) do
		statement(d - 2)
	end
	if chance(70) then
		emit("return %s", any(2))
	end
	local source = concat(out, "\n")
	if chance(15) then
		-- Spoilt.
		local at = random(#source)
		source = source:sub(1, at - 1) .. pick({ "", "(", "end", "=", "\0", "then", "'", "]]", "\\" }) .. source:sub(at + random(0, 5))
	end
	level = level - 1
	out, indent, scope, in_loop, vararg = saved_out, saved_indent, saved_scope, saved_loop, saved_vararg
	local f = fresh("v")
	emit("local %s, e%s = load(%s, %s, 't', E())", f, f, (format("%q", source):gsub("\\\n", "\\n")), pick({ "'=sub'", "'@file'", "'source text'" }))
	if chance(30) then
		emit("if %s then %s = load(string.dump(%s, %s), 'dumped', 'b', E()) end", f, f, f, pick({ "true", "false" }))
	end
	emit("P(e%s) if %s then P(pcall(%s, %s)) end", f, f, f, arguments(random(1, 2), "integer", 1))
end

local function goto_statement(d)
	local label, n = fresh("l"), fresh("n")
	emit("do")
	block(function()
		emit("local %s = 0", n)
		emit("::%s::", label)
		emit("%s = %s + 1", n, n)
		in_loop = in_loop + 1
		tick()
		emit("do")
		block(function()
			statements(random(1, 2), d - 1)
			if chance(40) then
				local v = fresh("v")
				emit("local %s = %s", v, n)
				emit("K[#K + 1] = function() %s = %s + 1 return %s end", v, v, v)
			end
		end)
		emit("end")
		emit("if %s < %d then goto %s end", n, random(2, 4), label)
		in_loop = in_loop - 1
	end)
	emit("end")
end

local function closures_statement(d)
	local fs, v = fresh("v"), fresh("i")
	emit("local %s = {}", fs)
	emit("for %s = 1, %d do", v, random(2, 4))
	emit("\tlocal w = %s * 2", v)
	emit("\t%s[#%s + 1] = function(d) tick() w = w + (d or 1) %s return w, %s end", fs, fs, chance(50) and v .. " = " .. v .. " + 1" or "", v)
	emit("end")
	emit("for _, f in ipairs(%s) do P(f(), f(%s)) end", fs, integer(1))
end

-- Closures share variables for a turn, or longer; what is shared changes its type.
local function sharing_statement(d)
	local v, a, b, get, set = fresh("i"), fresh("v"), fresh("v"), fresh("f"), fresh("f")
	local outside = chance(30)
	if outside then
		emit("local %s = %s", b, any(1))
	end
	emit("for %s = 1, %d do", v, random(3, 9))
	in_loop = in_loop + 1
	block(function()
		tick()
		emit("local %s = %s", a, any(1))
		if not outside then
			emit("local %s = %s", b, pick({ v, integer(1), "nil" }))
		end
		emit("local function %s() return %s, %s, %s end", get, a, b, v)
		emit("local function %s(d, ...) tick() %s, %s = %s, d %s %s end", set, a, b, pick({ b, "d", v, "..." }),
			chance(30) and format("%s = %s + 1", v, v) or "", pick({ "return " .. get .. "()", "return " .. a, "return (" .. get .. "())", "" }))
		declare(a, "any")
		declare(b, "any")
		declare(v, "integer")
		declare(set, "function", { result = "any", parameters = 1, constant = true })
		for _ = 1, random(1, 3) do
			emit(pick({ "C(%s(%s))", "P(%s(%s))", "%s(%s)" }), set, any(1))
			if chance(30) then
				emit("if %s then %s = %s end", boolean(1), pick({ a, b }), any(1))
			elseif chance(30) then
				statements(1, d - 1)
			end
		end
		emit("P(%s())", get)
		if chance(25) then
			emit("K[#K + 1] = %s", get)
		end
	end)
	in_loop = in_loop - 1
	emit("end")
end

function statement(d)
	local r = random(100)
	if d <= 0 and r > 60 then
		r = random(60)
	end
	if r <= 22 then
		local_statement()
	elseif r <= 40 then
		assignment()
	elseif r <= 50 then
		show()
	elseif r <= 58 then
		library_statement()
	elseif r <= 60 then
		local f = call("any", 2)
		if f then
			emit("P(%s)", f)
		end
	elseif r <= 68 then
		if_statement(d)
	elseif r <= 78 then
		loop_statement(d)
	elseif r <= 85 then
		function_statement(d)
	elseif r <= 89 then
		object_statement(d)
	elseif r <= 93 then
		protected_statement(d)
	elseif r <= 95 then
		coroutine_statement(d)
	elseif r <= 96 then
		load_statement(d)
	elseif r <= 98 then
		goto_statement(d)
	elseif r <= 99 then
		closures_statement(d)
	else
		sharing_statement(d)
	end
end

function statements(n, d)
	for i = 1, n do
		if #scope < 100 then
			statement(d)
		else
			show()
		end
	end
end

local function program()
	out, indent, scope, level, names = {}, 0, {}, 0, 0
	in_loop, in_function, vararg, labels = 0, 0, true, {}
	statements(random(4, 16), 3)
	local t = {}
	for i = 1, math.min(#scope, 12) do
		t[i] = scope[#scope - i + 1].name
	end
	emit("P(%s)", #t > 0 and concat(t, ", ") or "'end'")
	emit("for i = 1, #K do P(K[i](), K[i]()) end")
	return concat(out, "\n")
end

math.randomseed(seed)
for i = 1, count do
	local source = program()
	io.write("== ", i, " ", #source, "\n", source, "\n")
end
