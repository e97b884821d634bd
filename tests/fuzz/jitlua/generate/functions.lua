-- Functions, closures that share variables, and objects, whose metamethods are functions.
local written = require("written")
local expressions = require("expressions")
local random, format, concat = math.random, string.format, table.concat
local pick, chance, emit, fresh, declare, block = written.pick, written.chance, written.emit, written.fresh, written.declare, written.block
local tick = written.tick
local expression, integer, boolean, any = expressions.expression, expressions.integer, expressions.boolean, expressions.any
local call, arguments, variable, fields = expressions.call, expressions.arguments, expressions.variable, expressions.fields

-- A function's body; what it returns is of the kind that is said. `first` writes its beginning.
local function function_body(parameters, is_vararg, result, d, n, first)
	written.function_block(parameters, is_vararg, function()
		if first then
			first()
		end
		written.statements(n or random(1, 4), d)
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
			emit(chance(70) and "return %s, ..." or "return %s, %s", expression(result, 1), expressions.unpacked(1))
		else
			emit("if %s then return %s end", boolean(1), expression(result, 1))
			emit("return %s", expression(result, 2))
		end
	end)
end

local function parameter_list()
	local parameters, heads = {}, {}
	for i = 1, random(0, 3) do
		parameters[i] = { fresh("p"), pick({ "integer", "integer", "any" }) }
		heads[i] = parameters[i][1]
	end
	local is_vararg = chance(30)
	if is_vararg then
		heads[#heads + 1] = "..."
	end
	return parameters, concat(heads, ", "), is_vararg
end

local function function_statement(d)
	local r = random(100)
	local f = fresh("f")
	local result = pick({ "integer", "integer", "text", "any", "list" })
	if r <= 70 then
		local parameters, header, is_vararg = parameter_list()
		emit(chance(70) and "local function %s(%s)" or "local %s = function(%s)", f, header)
		function_body(parameters, is_vararg, result, d - 1)
		emit("end")
		declare(f, "function", { result = result, parameters = #parameters, vararg = is_vararg, constant = true })
	elseif r <= 85 then
		-- Recursion with an end.
		local n = fresh("p")
		local a = fresh("p")
		emit("local function %s(%s, %s)", f, n, a)
		function_body({ { n, "integer" }, { a, "integer" } }, false, "integer", 0, 1)
		table.remove(written.out)
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
	written.in_loop = written.in_loop + 1
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
				written.statements(1, d - 1)
			end
		end
		emit("P(%s())", get)
		if chance(25) then
			emit("K[#K + 1] = %s", get)
		end
	end)
	written.in_loop = written.in_loop - 1
	emit("end")
end

return {
	function_statement = function_statement, function_body = function_body, object_statement = object_statement,
	closures_statement = closures_statement, sharing_statement = sharing_statement,
}
