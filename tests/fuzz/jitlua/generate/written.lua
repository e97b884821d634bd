-- The program that is written at the moment, and how its text is made: lines, names,
-- what is in scope, choices. The fields are for all files beside this one.
local random, format = math.random, string.format

local written = {
	out = {}, -- lines
	indent = 0,
	scope = {}, -- variables, the innermost last: name, kind, level, constant; of functions more
	level = 0, -- functions around
	in_loop = 0, -- loops around, in this function
	vararg = true, -- this function has `...`
	-- statement(depth) and statements(count, depth) are of generate.lua: a statement
	-- of any file may have others in it.
}

local names

function written.begin()
	written.out, written.indent, written.scope, written.level, names = {}, 0, {}, 0, 0
	written.in_loop, written.vararg = 0, true
end

function written.pick(t)
	return t[random(#t)]
end
function written.chance(percent)
	return random(100) <= percent
end
function written.emit(...)
	local out = written.out
	out[#out + 1] = ("\t"):rep(written.indent) .. format(...)
end
function written.tick()
	written.emit("tick()")
end
function written.fresh(prefix)
	names = names + 1
	return prefix .. names
end

function written.declare(name, kind, more)
	local v = more or {}
	v.name, v.kind, v.level = name, kind, written.level
	written.scope[#written.scope + 1] = v
	return v
end
function written.find(kind, writable)
	local scope, found = written.scope, nil
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
function written.block(body)
	local saved = #written.scope
	written.indent = written.indent + 1
	body()
	written.indent = written.indent - 1
	for i = #written.scope, saved + 1, -1 do
		written.scope[i] = nil
	end
end
-- The same of a function, with `...` or without, in which no loop is around.
function written.function_block(parameters, is_vararg, body)
	local saved_vararg, saved_loop = written.vararg, written.in_loop
	written.vararg, written.in_loop = is_vararg, 0
	written.level = written.level + 1
	written.block(function()
		for _, p in ipairs(parameters) do
			written.declare(p[1], p[2])
		end
		written.tick()
		body()
	end)
	written.level = written.level - 1
	written.vararg, written.in_loop = saved_vararg, saved_loop
end

return written
