local out = {}
out[1] = #os.date("!%c", 0) + #tostring(os.time({ year = 2000, month = 1, day = 1 }))
local f <close> = assert(io.tmpfile())
f:write("line 1\nline 2\n", 3, "\n") f:seek("set")
for l in f:lines() do out[#out + 1] = l end
f:seek("set") out[#out + 1] = f:read("a")
out[#out + 1] = utf8.char(72, 228, 8364) .. utf8.len("äöü")
for p, c in utf8.codes("aé€") do out[#out + 1] = c end
out[#out + 1] = debug.getinfo(1, "nSlutfr").short_src:match("[^/]+$")
out[#out + 1] = debug.traceback("t"):match("^t\n")
local hooks = 0
debug.sethook(function() hooks = hooks + 1 end, "crl", 10) for i = 1, 20 do math.max(i, 1) end debug.sethook()
out[#out + 1] = tostring(hooks > 20)
out[#out + 1] = select(2, debug.getlocal(1, 1)) == out and "local" or "?"
local function up() return out end
out[#out + 1] = debug.setupvalue(up, 1, out)
local big = {} for i = 1, 300 do big[i] = i end
out[#out + 1] = select("#", table.unpack(big)) + math.max(table.unpack(big))
math.randomseed(1) out[#out + 1] = math.random(100)
warn("@off") warn("a", "b")
return table.concat(out, "|"):gsub("0x%x+", "")
