-- Each trace is made with other parts of the optimizer than the one before: what one of
-- them relies on, another that leads to it may not know.
local hooks = require "jithooks"
local names = { "intbounds", "rewrite", "virtualize", "pure", "heap", "unroll" }
local seed = 1

hooks.set_compile_hook(function()
  local on = {}
  for _, name in ipairs(names) do
    seed = (seed * 1103515245 + 12345) % 0x80000000
    on[#on + 1] = seed >> 16 & 1 == 0 and name or nil
  end
  hooks.set_param("enable_opts=" .. table.concat(on, ":"))
end)
package.loaded.jithooks = nil
