-- One loop, compiled once and run for long: what watching must not slow down.
local x, n = 0, tonumber(arg and arg[1]) or 120000000
for i = 1, n do
	x = (x + i * 3) % 1000003
end
print(x)
