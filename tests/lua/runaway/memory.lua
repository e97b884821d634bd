-- Programs that would use all memory there is: each ends in an error that is
-- caught, and the next one has the memory again. For an allocator with a limit of
-- some tens of megabytes (lua_memory --limit).
local programs = {
	{ "a table", function() local t = {} for i = 1, math.huge do t[i] = i end end },
	{ "a hash", function() local t = {} for i = 1, math.huge do t["k" .. i] = i end end },
	{ "float keys", function() local t = {} for i = 1, math.huge do t[i + 0.5] = true end end },
	{ "tables in tables", function() local t = {} while true do t = { t } end end },
	{ "records", function() local l while true do l = { next = l, value = {} } end end },
	{ "a string", function() local s = "x" while true do s = s .. s end end },
	{ "a string, slowly", function() local s = ("x"):rep(100000) while true do s = s .. ("y"):rep(100000) end end },
	{ "many strings", function() local t = {} for i = 1, math.huge do t[i] = tostring(i):rep(20) end end },
	{ "string.rep", function() return ("x"):rep(1 << 40) end },
	{ "string.rep within reach", function() return ("x"):rep(1 << 28) end },
	{ "table.concat", function() local t = {} for i = 1, 1000 do t[i] = ("x"):rep(100000) end return table.concat(t) end },
	{ "gsub", function() local s = "x" while true do s = s:gsub(".", "%0%0%0%0") end end },
	{ "closures", function() local f while true do local g = f f = function() return g end end end },
	{ "coroutines", function() local t = {} for i = 1, math.huge do t[i] = coroutine.create(function() end) end end },
	{ "coroutines that wait", function() local t = {} for i = 1, math.huge do t[i] = coroutine.wrap(function() local x <close> = nil coroutine.yield() end) t[i]() end end },
	{ "userdata", function() local t = {} for i = 1, math.huge do t[i] = string.gmatch("x", "x") end end },
	{ "finalizers", function() local t = {} for i = 1, math.huge do t[i] = setmetatable({}, { __gc = function() end }) end end },
	{ "pack", function() local t = { 1 } while true do t = { table.unpack(t), table.unpack(t) } t[#t + 1] = ("x"):rep(#t * 1000) if #t > 10000 then t = { t } end local keep = t t = { keep, ("y"):rep(1000000) } end end },
	{ "load", function() return load("return '" .. ("x"):rep(1 << 27) .. "'") end },
	{ "a reader", function() return assert(load(function() return ("x = 1 "):rep(1000) end)) end },
	{ "a constant table", function() local p = {} for i = 1, 200000 do p[i] = "{" .. i .. ", 'abc" .. i .. "'}" end return #load("return {" .. table.concat(p, ",") .. "}")() end },
	{ "recursion with strings", function() local function r(s) return r(s .. s:sub(1, 100)) .. "x" end return r(("z"):rep(1000)) end },
	{ "error messages", function() local s = ("m"):rep(1000000) while true do local ok, e = pcall(error, s .. s, 0) s = e end end },
	{ "traces", function() local s = "x" while true do s = debug.traceback(s .. s, 1) end end },
	{ "utf8", function() local t = {} for i = 1, 200 do t[i] = 0x20ac end local s = "" while true do s = s .. utf8.char(table.unpack(t)) s = s .. s end end },
	{ "pack and format", function() local s = "x" while true do s = string.pack("s4", string.format("%s%s", s, s)) end end },
	{ "a file's lines", function() local f <close> = io.tmpfile() local s = ("x"):rep(1000000) for i = 1, 100 do f:write(s) end f:seek("set") return f:read("a") end },
	{ "sort", function() table.sort(setmetatable({}, { __len = function() return 1 << 30 end, __index = function(t, k) rawset(t, k, { k }) return k end }), function(a, b) return true end) end },
	{ "insert", function() local t = {} while true do table.insert(t, 1 << 62) t[#t + 1] = { #t } end end },
	{ "upvalues", function() local t = {} for i = 1, math.huge do local a, b, c = i, {}, i t[i] = function() a, b, c = b, c, a end end end },
}
local out = {}
for i, p in ipairs(programs) do
	local ok, e = pcall(p[2])
	out[#out + 1] = p[1] .. ": " .. (ok and "ended" or tostring(e):sub(-60):gsub("^.-:%d+: ", ""):gsub("\n.*", ""))
	collectgarbage()
end
return table.concat(out, "\n")
