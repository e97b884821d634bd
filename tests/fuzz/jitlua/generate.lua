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
--
-- Here is which statement comes next; what statements are made of is in generate/.
package.path = arg[0]:gsub("[^/]*$", "") .. "generate/?.lua"

local written = require("written")
local variables, control = require("variables"), require("control")
local functions, protected, library = require("functions"), require("protected"), require("library")
local call = require("expressions").call
local random, concat = math.random, table.concat
local seed, count = tonumber(arg[1]) or 1, tonumber(arg[2]) or 100

function written.statement(d)
	local r = random(100)
	if d <= 0 and r > 60 then
		r = random(60)
	end
	if r <= 22 then
		variables.local_statement()
	elseif r <= 40 then
		variables.assignment()
	elseif r <= 50 then
		variables.show()
	elseif r <= 58 then
		library.library_statement()
	elseif r <= 60 then
		local f = call("any", 2)
		if f then
			written.emit("P(%s)", f)
		end
	elseif r <= 68 then
		control.if_statement(d)
	elseif r <= 78 then
		control.loop_statement(d)
	elseif r <= 85 then
		functions.function_statement(d)
	elseif r <= 89 then
		functions.object_statement(d)
	elseif r <= 93 then
		protected.protected_statement(d)
	elseif r <= 95 then
		protected.coroutine_statement(d)
	elseif r <= 96 then
		library.load_statement(d)
	elseif r <= 98 then
		control.goto_statement(d)
	elseif r <= 99 then
		functions.closures_statement(d)
	else
		functions.sharing_statement(d)
	end
end

function written.statements(n, d)
	for i = 1, n do
		if #written.scope < 100 then
			written.statement(d)
		else
			variables.show()
		end
	end
end

local function program()
	written.begin()
	written.statements(random(4, 16), 3)
	local scope, t = written.scope, {}
	for i = 1, math.min(#scope, 12) do
		t[i] = scope[#scope - i + 1].name
	end
	written.emit("P(%s)", #t > 0 and concat(t, ", ") or "'end'")
	written.emit("for i = 1, #K do P(K[i](), K[i]()) end")
	return concat(written.out, "\n")
end

math.randomseed(seed)
for i = 1, count do
	local source = program()
	io.write("== ", i, " ", #source, "\n", source, "\n")
end
