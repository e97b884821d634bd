-- Runs a batch of generate.lua and prints a transcript of each program.
--
--   lua5.4 run.lua BATCH [NUMBER]      all; or that one alone
--
-- A transcript has what a program printed and how it ended, with all in it that
-- may differ between implementations taken out. By its number a program runs
-- plainly, in a coroutine, with hooks set, or with a garbage collection now and then.

local file = assert(io.open(arg[1], "rb"))
local only = tonumber(arg[2])
local LIMIT = "out of fuel"

local type, tostring, pairs, select, format, concat, sort, mathtype = type, tostring, pairs, select, string.format, table.concat, table.sort, math.type
local getmetatable, rawget, rawlen, next, pcall, error = debug.getmetatable, rawget, rawlen, next, pcall, error
local lines, fuel, size

-- lua5.4 (5.4.4) gives a line before for a division of integers by zero, and takes a
-- message handler for what was called there.
local function plain(s)
	s = s:gsub("0[xX]%x%x%x%x%x%x%x+", "ADDRESS"):gsub("%-?nan", "nan")
	if s:find("attempt to divide by zero", 1, true) or s:find("attempt to perform 'n", 1, true) then
		s = s:gsub(":%d+:", ":?:"):gsub("(run%.lua:%?: in )%C+", "%1?")
	end
	return s
end
local show
local function key_order(a, b)
	return a[1] < b[1]
end
function show(v, depth)
	local t = type(v)
	if t == "number" then
		if v ~= v then
			return "nan"
		end
		return mathtype(v) == "float" and format("%.17gf", v) or format("%d", v)
	elseif t == "string" then
		return (plain(format("%q", #v > 300 and v:sub(1, 300) .. "+" .. #v or v)))
	elseif t == "table" then
		if depth <= 0 then
			return "{...}"
		end
		local parts, n = {}, 0
		for k, x in next, v do
			n = n + 1
			parts[n] = { show(k, depth - 1), x }
		end
		sort(parts, key_order)
		for i = n, 41, -1 do
			parts[i] = nil
		end
		for i = 1, #parts do
			parts[i] = parts[i][1] .. "=" .. show(parts[i][2], depth - 1)
		end
		return "{" .. concat(parts, " ") .. (n > 40 and " and " .. n - 40 .. " more" or "") .. "}"
	elseif t == "nil" or t == "boolean" then
		return tostring(v)
	end
	return t
end
local function P(...)
	local n = select("#", ...)
	if size > 200000 then
		error(LIMIT, 0)
	end
	local parts = {}
	for i = 1, n do
		parts[i] = show((select(i, ...)), 3)
	end
	local line = concat(parts, "\t")
	size = size + #line
	lines[#lines + 1] = line
end
local function tick()
	fuel = fuel - 1
	if fuel < 0 then
		error(LIMIT, 0)
	end
end
local function S(v)
	if type(v) == "string" and #v > 1000 then
		return v:sub(1, 1000)
	end
	return v
end
local function F(v)
	return v == v and v or 0
end
local function V(v)
	return v == nil and 0 or v
end
local function T(v)
	local t = type(v)
	local mt = t == "table" and getmetatable(v)
	return (t == "function" or t == "thread" or t == "table" and not (mt and rawget(mt, "__tostring"))) and t or v
end
-- Of a traversal: the same whatever the order.
local function H(k, v)
	local s = show(k, 0) .. "=" .. show(v, 0)
	local h = #s
	for i = 1, #s do
		h = (h ~ s:byte(i)) * 0x100000001b3
	end
	return h
end
local function N(...)
	local t = {}
	for i = 1, select("#", ...) do
		t[i] = math.tointeger((select(i, ...))) or i
	end
	return t
end
local function M(m)
	return type(m) == "string" and plain(m) or show(m, 2)
end

local library = {}
for _, name in ipairs({ "string", "table", "math", "utf8", "coroutine" }) do
	library[name] = _G[name]
end
math.atan2 = nil -- the same function under two names
local debugging = { traceback = function(...) return plain(debug.traceback(...)) end, getinfo = debug.getinfo }

local function environment()
	local K = {}
	local env
	env = {
		P = P, S = S, F = F, T = T, V = V, H = H, N = N, M = M, K = K, C = function(v) return v end, tick = tick, E = function() return env end,
		string = library.string, table = library.table, math = library.math, utf8 = library.utf8, coroutine = library.coroutine, debug = debugging,
		pairs = pairs, ipairs = ipairs, next = next, select = select, type = type, tostring = tostring, tonumber = tonumber, rawget = rawget, rawset = rawset,
		rawequal = rawequal, rawlen = rawlen, pcall = pcall, xpcall = xpcall, error = error, assert = assert, load = load, setmetatable = setmetatable,
		getmetatable = getmetatable, collectgarbage = function(...) collectgarbage(...) end, print_nothing = function() end,
	}
	return env
end

local function run(number, source)
	lines, fuel, size = {}, 1500, 0
	local mode = number % 8
	local f, e = load(source, "=p", "t", environment())
	if not f then
		return "does not compile: " .. e
	end
	if mode == 5 then
		debug.sethook(function() end, "", 7)
	elseif mode == 6 then
		debug.sethook(function() end, "crl")
	end
	local result
	if mode == 3 then
		local co = coroutine.create(f)
		local rounds = 0
		repeat
			result = table.pack(coroutine.resume(co, 1, "two", nil))
			rounds = rounds + 1
			lines[#lines + 1] = "= " .. M(result[2])
		until coroutine.status(co) == "dead" or rounds > 20
		coroutine.close(co)
	else
		result = table.pack(pcall(f, 1, "two", nil))
	end
	debug.sethook()
	for i = 1, result.n do
		result[i] = type(result[i]) == "string" and plain(result[i]) or show(result[i], 3)
	end
	lines[#lines + 1] = (fuel < 0 and "fuel used up: " or "end: ") .. concat(result, " ", 1, result.n)
	if mode == 7 then
		collectgarbage()
	end
	return concat(lines, "\n")
end

io.stdout:setvbuf("full", 1 << 16)
while true do
	local number, length = file:read("n", "n")
	if not number then
		local marker = file:read(2)
		if not marker then
			break
		end
		number, length = file:read("n", "n")
		if not number then
			break
		end
	end
	file:read("l")
	local source = file:read(length)
	file:read("l")
	if not only or number == only then
		io.write("== ", number, "\n")
		if only or os.getenv("FLUSH") then
			io.flush()
		end
		io.write(run(number, source), "\n")
	end
end
