-- Calls: Fibonacci, Ackermann and tak, recursive and with nothing else to do.
local N = tonumber(arg[1]) or 35

local function fib(n)
	if n < 2 then
		return n
	end
	return fib(n - 1) + fib(n - 2)
end

local function ack(m, n)
	if m == 0 then
		return n + 1
	elseif n == 0 then
		return ack(m - 1, 1)
	end
	return ack(m - 1, ack(m, n - 1))
end

local function tak(x, y, z)
	if y >= x then
		return z
	end
	return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))
end

print(fib(N), ack(2, 9 * N), tak(N - 13, 12, 6))
