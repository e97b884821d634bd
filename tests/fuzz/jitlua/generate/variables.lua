-- Statements that make variables, assign to them and show them.
local written = require("written")
local expressions = require("expressions")
local random, format, concat = math.random, string.format, table.concat
local pick, chance, emit, fresh = written.pick, written.chance, written.emit, written.fresh
local declare, find = written.declare, written.find
local expression, expected, variable, present = expressions.expression, expressions.expected, expressions.variable, expressions.present
local integer, number, text, boolean, any = expressions.integer, expressions.number, expressions.text, expressions.boolean, expressions.any
local call, unpacked, fields = expressions.call, expressions.unpacked, expressions.fields

local kinds = { "integer", "integer", "integer", "float", "number", "text", "text", "boolean", "list", "table", "any" }

-- What is assigned in a loop or a function may grow with each round.
local function kept(kind, e)
	return (kind == "text" or kind == "any") and written.in_loop + written.level > 0 and "S(" .. e .. ")" or e
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
	elseif r <= 94 then
		local names_ = {}
		for i = 1, random(4) do
			names_[i] = fresh("v")
		end
		emit("local %s = %s", concat(names_, ", "), unpacked(1))
		for _, name in ipairs(names_) do
			declare(name, "any")
		end
	elseif written.vararg then
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

return { local_statement = local_statement, assignment = assignment, show = show, some = some }
