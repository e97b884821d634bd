-- Compiles and aborts, says its pid, waits for a line, and ends without
-- closing the state: what it did before the wait is all it does.
local ffi = require("ffi")
ffi.cdef("int getpid(void);")

collectgarbage("stop")
for n = 1, 40 do
	assert(loadstring([[
local t, sum = { 1, 2, 3 }, 0
for i = 1, 2000 do
	if i % 3 == 0 then sum = sum + t[i % 3 + 1] else sum = sum - 1 end
end
return sum
]], "=loop" .. n))()
end
for n = 1, 8 do
	assert(loadstring("for i = 1, 400 do local f = function() return i end end", "=abort" .. n))()
end
jit.flush()
for n = 41, 60 do
	assert(loadstring("local s = 0 for i = 1, 2000 do s = s + i end return s", "=loop" .. n))()
end
jit.off()
io.write("pid ", ffi.C.getpid(), "\n")
io.flush()
io.read()
os.exit(0)
