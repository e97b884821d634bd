-- What fails and is caught, closes values on its way, or yields.
local written = require("written")
local expressions = require("expressions")
local random, format, concat = math.random, string.format, table.concat
local pick, chance, emit, fresh, declare, block = written.pick, written.chance, written.emit, written.fresh, written.declare, written.block
local tick = written.tick
local integer, any, arguments = expressions.integer, expressions.any, expressions.arguments
local function_body = require("functions").function_body

-- A loop around pcall or xpcall of a function that fails in some turns.
local failures = { "error(%s)", "error(%s, 0)", "error(%s, 2)", "error(%s, 3)", "return error(%s)", "return error(%s, 2)", "assert(false, %s)", "return assert(nil, %s)", "assert(%s == P)",
	"return %s + {}", "local x = %s x = x.y.z", "return (nil)(%s)", "string.rep({}, %s)", "return P(pcall(error, %s))", "error({ %s })", "error()" }
local function protected_loop(d)
	local f, p, i, ok, v = fresh("f"), fresh("p"), fresh("i"), fresh("v"), fresh("v")
	local parameters, is_vararg = { { p, "integer" } }, chance(30)
	local header = is_vararg and p .. ", ..." or p
	local wrappers, inside = chance(60) and random(1, 3) or 0, chance(40)
	local functions = { f }
	local handler = chance(30) and pick({ "M", "function(m) return 'handled ' .. M(m) end", "function(m) return m, 2 end", "debug.traceback", "function(m) error(m, 0) end", "function(m) return pcall(error, m) end" })
	local function fail()
		emit("if %s %% %d == %d then %s end", p, random(1, 5), random(0, 1), (pick(failures):gsub("%%s", function() return "(" .. any(1) .. ")" end)))
	end
	local function write_function()
		emit("local function %s(%s)", f, header)
		function_body(parameters, is_vararg, pick({ "integer", "any", "text" }), d - 1, random(0, 2), fail)
		emit("end")
		for n = 1, wrappers do
			local g = fresh("f")
			emit("local function %s(%s)", g, header)
			if chance(40) then
				emit("\tlocal a, b, c = 1, %s, 3", p)
			end
			emit(pick({ "\treturn %s(%s)", "\tlocal x, y = %s(%s) return x, y", "\treturn (%s(%s))", "\treturn pcall(%s, %s)", "\tlocal o, x = pcall(%s, %s) if not o then error(x, 0) end return x", "\tfor k in %s, %s do return k end" }), pick(functions), header)
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
		written.in_loop = written.in_loop + 1
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
				written.statements(1, d - 1)
			end
		end)
		written.in_loop = written.in_loop - 1
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
			written.level = written.level + 1
			block(function()
				emit("local %s <close> = setmetatable({}, { __close = function(_, e) tick() P('close a', M(e)) %s end })", a, chance(25) and "error('in close', 0)" or "")
				emit("local %s <close> = setmetatable({}, { __close = function(_, e) P('close b', M(e)) end })", b)
				local saved_vararg, saved_loop = written.vararg, written.in_loop
				written.vararg, written.in_loop = false, 0
				if chance(70) then
					written.statements(random(1, 2), d - 1)
				end
				written.vararg, written.in_loop = saved_vararg, saved_loop
				emit(pick({ "error(%s, 0)", "return %s", "local x = %s.y.z", "return 1, %s", "do return P(%s) end" }), "(" .. any(1) .. ")")
			end)
			written.level = written.level - 1
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
	written.function_block(parameters, true, function()
		for i = 1, random(1, 3) do
			written.statements(random(0, 2), d - 1)
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

return { protected_statement = protected_statement, coroutine_statement = coroutine_statement }
