local t = {}
for i = 1, 60 do t[i] = "piece " .. i .. "/" .. i * 1.5 .. ("x"):rep(i) end
local s = table.concat(t, ",")
for w in s:gmatch("%a+") do t[w] = (t[w] or 0) + 1 end
s = s:gsub("x+", function(x) return #x end):upper() .. s:reverse():sub(1, 50) .. ("%5d|%q|%s"):format(42, "a\n\0", {} ~= nil)
local long = s .. s .. s
return #long .. string.format("%s", long:byte(7)) .. tostring(t.piece) .. #string.pack("z s4 i8 d", s, long, 1, 2)
