-- Floats: the Mandelbrot set, and a sum of series.
local N = tonumber(arg[1]) or 560

local function mandelbrot(n, limit)
	local inside = 0
	for py = 0, n - 1 do
		local ci = 2.0 * py / n - 1.0
		for px = 0, n - 1 do
			local cr = 2.0 * px / n - 1.5
			local zr, zi, r2, i2 = 0.0, 0.0, 0.0, 0.0
			local k = 0
			while k < limit and r2 + i2 < 4.0 do
				zi = 2.0 * zr * zi + ci
				zr = r2 - i2 + cr
				r2 = zr * zr
				i2 = zi * zi
				k = k + 1
			end
			if k == limit then
				inside = inside + 1
			end
		end
	end
	return inside
end

local sum = 0.0
for i = 1, N * 20000 do
	sum = sum + 1.0 / (i * i)
end
print(mandelbrot(N, 100), string.format("%.12f", sum))
