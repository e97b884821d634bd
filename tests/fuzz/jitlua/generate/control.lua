-- Statements with blocks: if, all loops, goto. tick() ends what multiplies.
local written = require("written")
local expressions = require("expressions")
local random, format = math.random, string.format
local pick, chance, emit, fresh, declare, block = written.pick, written.chance, written.emit, written.fresh, written.declare, written.block
local tick = written.tick
local integer, number, text, boolean = expressions.integer, expressions.number, expressions.text, expressions.boolean
local list, any = expressions.list, expressions.any
local some = require("variables").some

local function if_statement(d)
	emit("if %s then", chance(85) and boolean(2) or any(2))
	block(function() written.statements(random(1, 3), d - 1) end)
	while chance(25) do
		emit("elseif %s then", boolean(2))
		block(function() written.statements(random(1, 2), d - 1) end)
	end
	if chance(45) then
		emit("else")
		block(function() written.statements(random(1, 3), d - 1) end)
	end
	emit("end")
end

local function loop_body(d, first, no_break)
	written.in_loop = written.in_loop + 1
	block(function()
		tick()
		if first then
			first()
		end
		local label = chance(30) and fresh("continue")
		if label then
			emit("if %s then goto %s end", boolean(1), label)
			emit("do")
			block(function() written.statements(random(1, 3), d - 1) end)
			emit("end")
			emit("::%s::", label)
		else
			written.statements(random(1, 3), d - 1)
			if not no_break and chance(25) then
				emit("if %s then break end", boolean(1))
			end
		end
	end)
	written.in_loop = written.in_loop - 1
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
		written.in_loop = written.in_loop + 1
		block(function()
			tick()
			emit("%s = %s + 1", n, n)
			emit("P(%s)", v)
			emit("if %s >= %d then break end", n, random(2, 5))
			declare(v, "number", { constant = true })
			written.statements(1, d - 1)
		end)
		written.in_loop = written.in_loop - 1
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
		written.in_loop = written.in_loop + 1
		block(function()
			tick()
			emit("%s = %s + 1", n, n)
			written.statements(random(1, 2), d - 1)
			local v = fresh("v")
			emit("local %s = %s", v, boolean(1))
			written.out[#written.out + 1] = ("\t"):rep(written.indent - 1) .. format("until %s or %s >= %d", v, n, random(1, 4))
		end)
		written.in_loop = written.in_loop - 1
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

local function goto_statement(d)
	local label, n = fresh("l"), fresh("n")
	emit("do")
	block(function()
		emit("local %s = 0", n)
		emit("::%s::", label)
		emit("%s = %s + 1", n, n)
		written.in_loop = written.in_loop + 1
		tick()
		emit("do")
		block(function()
			written.statements(random(1, 2), d - 1)
			if chance(40) then
				local v = fresh("v")
				emit("local %s = %s", v, n)
				emit("K[#K + 1] = function() %s = %s + 1 return %s end", v, v, v)
			end
		end)
		emit("end")
		emit("if %s < %d then goto %s end", n, random(2, 4), label)
		written.in_loop = written.in_loop - 1
	end)
	emit("end")
end

return { if_statement = if_statement, loop_statement = loop_statement, goto_statement = goto_statement }
