-- Integer arithmetic in nested loops: a linear congruence, bits, division, remainder.
local N = tonumber(arg[1]) or 2700

local acc, x = 0, 12345
for i = 1, N do
	for j = 1, 10000 do
		x = (x * 1103515245 + 12345) & 0x7fffffff
		acc = acc ~ (x >> 3) + i * j % 7 - (j // 3)
	end
end
print(acc, x)
