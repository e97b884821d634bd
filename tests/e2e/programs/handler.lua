-- A program with a handler of its own for trace events: what that is told, and
-- that it is told nothing after it was detached. arg[1] is run in between.
local told = { start = 0, stop = 0, abort = 0, flush = 0 }

local function handler(what)
	told[what] = told[what] + 1
end

local function report()
	print(("told start=%d stop=%d abort=%d flush=%d")
		:format(told.start, told.stop, told.abort, told.flush))
end

jit.attach(handler, "trace")
dofile(arg[1])
jit.flush()
jit.attach(handler)
report()
for i = 1, 10 do
	assert(loadstring("for i = 1, 100000 do end", "=later" .. i))()
end
report()
