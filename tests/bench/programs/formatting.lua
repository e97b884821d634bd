-- string.format mixed with concatenation, tostring and tonumber.
local N = tonumber(arg[1]) or 360000

local format = string.format
local total, lines = 0, {}
for i = 1, N do
	local a = format("%d %5.2f %s %x", i, i / 7, "abc", i * 31)
	local b = a .. "|" .. tostring(i * 0.5) .. "|" .. (i % 10)
	total = total + #b + tonumber(format("%d", i % 1000)) + tonumber("0x" .. format("%x", i & 255))
	lines[i & 127] = b
	if i % 4 == 0 then
		total = total + #format("%-10s|%10s|%q", a:sub(1, 5), i, "q\n")
	end
	if i % 16 == 0 then
		total = total + tonumber(tostring(i / 3)) // 1
	end
end
print(total, lines[1])
