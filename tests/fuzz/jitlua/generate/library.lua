-- Calls of the library, load() among them.
local written = require("written")
local expressions = require("expressions")
local random, format, concat = math.random, string.format, table.concat
local pick, chance, emit, fresh = written.pick, written.chance, written.emit, written.fresh
local integer, number, text, any = expressions.integer, expressions.number, expressions.text, expressions.any
local arguments, unpacked, pattern = expressions.arguments, expressions.unpacked, expressions.pattern
local some = require("variables").some

local function library_statement()
	local r = random(100)
	local l, t = some("list"), some("table")
	if r <= 12 then
		emit("P(pcall(table.sort, %s%s))", l, pick({ "", ", function(a, b) return a > b end", ", function(a, b) tick() return a % 7 < b % 7 end", ", function(a, b) return b end" }))
	elseif r <= 20 then
		emit("P(table.remove(%s%s))", l, pick({ "", "", ", 1" }))
	elseif r <= 25 then
		emit("P(table.unpack(%s, %s, %s))", l, pick({ "1", "2", "0", "-1" }), pick({ "#" .. l, "3", "0", "5" }))
	elseif r <= 28 then
		local p = fresh("p")
		emit("local %s = table.pack(%s)", p, chance(70) and arguments(random(0, 5), "any", 1) or unpacked(1))
		emit("P(%s.n, table.unpack(%s, 1, %s))", p, p, pick({ p .. ".n", "3" }))
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
	local saved_out, saved_indent, saved_scope, saved_loop = written.out, written.indent, written.scope, written.in_loop
	written.out, written.indent, written.scope, written.in_loop = {}, 0, {}, 0
	local saved_vararg = written.vararg
	written.vararg = true
	written.level = written.level + 1
	for i = 1, random(1, 3) do
		written.statement(d - 2)
	end
	if chance(70) then
		emit("return %s", any(2))
	end
	local source = concat(written.out, "\n")
	if chance(15) then
		-- Spoilt.
		local at = random(#source)
		source = source:sub(1, at - 1) .. pick({ "", "(", "end", "=", "\0", "then", "'", "]]", "\\" }) .. source:sub(at + random(0, 5))
	end
	written.level = written.level - 1
	written.out, written.indent, written.scope, written.in_loop, written.vararg = saved_out, saved_indent, saved_scope, saved_loop, saved_vararg
	local f = fresh("v")
	emit("local %s, e%s = load(%s, %s, 't', E())", f, f, (format("%q", source):gsub("\\\n", "\\n")), pick({ "'=sub'", "'@file'", "'source text'" }))
	if chance(30) then
		emit("if %s then %s = load(string.dump(%s, %s), 'dumped', 'b', E()) end", f, f, f, pick({ "true", "false" }))
	end
	emit("P(e%s) if %s then P(pcall(%s, %s)) end", f, f, f, arguments(random(1, 2), "integer", 1))
end

return { library_statement = library_statement, load_statement = load_statement }
