import { PALETTES, variables } from "./palette";

/** The style sheet of the shadow root. Lengths follow a rhythm of 8 pixels. */
export const STYLES = `
:host{display:block;container-type:inline-size;color-scheme:light}
*{box-sizing:border-box}
.kan{${variables(PALETTES.light)};
  position:relative;display:grid;grid-template-rows:auto minmax(120px,1fr) auto auto;height:var(--asked);min-height:320px;
  background:var(--bg);color:var(--ink);border:1px solid var(--line);border-radius:10px;overflow:hidden;
  font:400 13px/20px Inter,system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
  font-variant-numeric:tabular-nums;text-align:left;letter-spacing:0;-webkit-font-smoothing:antialiased}
.kan[data-theme=dark]{${variables(PALETTES.dark)};color-scheme:dark}
h2,h3,p,dl,dd,ul{margin:0;padding:0;font:inherit}
h2,b{font-weight:600}
ul{list-style:none}
kbd{display:inline-block;min-width:18px;padding:0 4px;border:1px solid var(--edge);border-radius:4px;color:var(--faint);
  font:11px/16px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;text-align:center}
kbd+kbd{margin-left:3px}
.icon{display:block;width:16px;height:16px;fill:none;stroke:currentColor;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}

.toolbar,.group,.field{display:flex;align-items:center}
.toolbar{position:relative;z-index:3;flex-wrap:wrap;gap:8px 14px;padding:8px;background:var(--panel);border-bottom:1px solid var(--line)}
.group{gap:6px}
.group.end{margin-left:auto;gap:2px;flex-wrap:wrap;justify-content:flex-end}
.field{gap:8px;color:var(--mute)}
.button,select{height:28px;border:1px solid var(--edge);border-radius:6px;background:var(--bg);color:var(--ink);font:inherit;
  transition:background-color .15s,border-color .15s,color .15s}
.button{display:inline-flex;align-items:center;justify-content:center;gap:8px;padding:0 10px;cursor:pointer;white-space:nowrap}
.button.square{width:28px;padding:0}
.button.quiet{border-color:transparent;background:transparent;color:var(--mute)}
.button:hover:not([aria-disabled=true]),select:hover{background:var(--shade)}
.button:active:not([aria-disabled=true]){border-color:var(--mute)}
.button[aria-disabled=true]{color:var(--faint);opacity:.55;cursor:default}
select{appearance:none;field-sizing:content;padding:0 24px 0 8px;cursor:pointer;max-width:152px;text-overflow:ellipsis;
  background-image:linear-gradient(45deg,transparent 50%,var(--mute) 50%),linear-gradient(-45deg,transparent 50%,var(--mute) 50%);
  background-size:5px 5px;background-position:right 12px top 12px,right 7px top 12px;background-repeat:no-repeat}
select option{background:var(--bg);color:var(--ink)}
.segments{display:inline-flex;height:28px;border:1px solid var(--edge);border-radius:6px;background:var(--bg);overflow:hidden}
.segment{position:relative;display:flex}
.segment+.segment{border-left:1px solid var(--line)}
.segment input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:pointer}
.segment span{padding:3px 10px;color:var(--mute);transition:background-color .15s,color .15s}
.segment input:hover+span{background:var(--shade)}
.segment input:checked+span{background:var(--accent-bg);color:var(--accent);font-weight:600}
:focus{outline:none}
:focus-visible,.segment:has(:focus-visible){outline:2px solid var(--accent);outline-offset:1px}
.segments:has(:focus-visible){overflow:visible}
.segment input:focus-visible{outline:none}

.main{position:relative;display:flex;min-height:0}
.diagram{position:relative;flex:1;min-width:0;overflow:hidden}
.stage{position:absolute;inset:0;overflow:hidden;overflow:clip;cursor:grab;user-select:none;-webkit-user-select:none;touch-action:pan-y}
.stage.pointing{cursor:pointer}
.stage.dragging{cursor:grabbing}
.stage:focus-visible{outline-offset:-2px}
canvas{position:absolute;inset:0;width:100%;height:100%;display:block}
.world{position:absolute;left:0;top:0;width:0;height:0;transform-origin:0 0}
.world [role=option]{position:absolute;border-radius:calc(6px*var(--inverse,1));cursor:pointer}
.stage.dragging .world [role=option]{cursor:grabbing}
.world .node{border-radius:50%}
.world [role=option]:focus-visible{outline:calc(2px*var(--inverse,1)) solid var(--accent);outline-offset:calc(3px*var(--inverse,1))}
.halo,.tip,.marquee,.stage>.note{position:absolute;pointer-events:none}
.stage>.note{right:16px;bottom:2px;padding:0 4px;border-radius:4px;background:var(--bg);color:var(--faint);line-height:16px}
.halo{visibility:hidden;border-radius:8px;background:var(--shade)}
.halo.node{border-radius:50%}
.halo.on{visibility:visible}
.tip{visibility:hidden;opacity:0;transform:translate(-50%,-100%);padding:2px 8px;border-radius:6px;background:var(--ink);color:var(--bg);
  max-width:calc(100% - 8px);font-size:12px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;transition:opacity .15s}
.tip.under{transform:translate(-50%,0)}
.tip.on{visibility:visible;opacity:1}
.marquee{display:none;border:1px dashed var(--accent);background:var(--accent-bg);opacity:.6;border-radius:4px}

.notice{position:absolute;z-index:3;left:50%;top:8px;transform:translateX(-50%);display:flex;align-items:flex-start;gap:8px;width:max-content;
  max-width:calc(100% - 32px);padding:3px 3px 3px 12px;border:1px solid var(--edge);border-radius:8px;background:var(--bg)}
.notice.error{border-color:var(--cut);background:var(--cut-bg)}
.notice>.icon{flex:none;margin:8px 0;color:var(--mute)}
.notice.error>.icon{color:var(--cut)}
.notice p{padding:6px 0;overflow-wrap:anywhere;max-height:106px;overflow:auto}
.notice .button{flex:none;margin:2px;color:var(--ink)}

.inspector{flex:none;display:flex;flex-direction:column;gap:8px;width:288px;padding:16px;border-left:1px solid var(--line);background:var(--bg);
  overflow:auto;overscroll-behavior:contain}
.inspector header{flex:none;display:flex;align-items:flex-start;justify-content:space-between;gap:8px;min-height:20px}
.inspector h2{font-size:14px;overflow-wrap:anywhere}
.inspector .close{flex:none;width:24px;height:24px;margin:-2px -4px -2px 0}
.about{color:var(--mute)}
.short .inspector{padding:12px 16px;gap:6px}
.short .inspector:not(.idle) .titles{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;flex:1;gap:0 12px}
.short .inspector:not(.idle) .about{font-size:12px}
.short .facts{gap:6px}
.short .actions{padding-top:4px;bottom:-12px;margin-bottom:-12px;padding-bottom:12px}
.kept{white-space:nowrap}
.kept .icon{display:inline-block;width:13px;height:13px;margin:0 3px -2px 0}
.empty{padding:24px 16px;border:1px dashed var(--edge);border-radius:6px;color:var(--mute);text-align:center}
.facts{display:flex;flex-direction:column;gap:8px;min-height:0}
.chart{display:block;flex:none;width:100%;background:var(--panel);border:1px solid var(--line);border-radius:6px}
.chart .function{fill:none;stroke:var(--accent);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.tick{font-size:11px;fill:var(--faint)}
.criteria{display:grid}
.short .criteria{gap:0;line-height:18px}
.criteria div{display:grid;grid-template-columns:1fr auto minmax(72px,auto);gap:8px}
.criteria dt{min-width:0;color:var(--mute);overflow-wrap:anywhere}
.criteria dd{text-align:right;white-space:nowrap}
.criteria dd:last-child{grid-column:3}
.criteria .rank{color:var(--faint)}
.criteria .current dt{color:var(--ink)}
.criteria .current dt,.criteria .current dd:last-child{font-weight:600}
.answers{display:flex;flex-direction:column;gap:4px;min-width:0}
.actions{display:grid;grid-template-columns:repeat(3,auto);gap:8px;margin-top:auto;padding-top:8px;position:sticky;bottom:-16px;background:var(--bg);margin-bottom:-16px;padding-bottom:16px}
.actions .button{padding:0 4px;gap:6px}.actions kbd{min-width:0;padding:0 3px}
.lists{display:flex;flex-direction:column;gap:4px}
h3{margin-top:4px;font-weight:600}
h3 span{color:var(--faint);font-weight:400}
.row{position:relative;display:flex;align-items:baseline;gap:8px;width:calc(100% + 16px);margin:0 -8px;padding:4px 8px;border:0;border-radius:6px;
  background:none;color:var(--ink);font:inherit;text-align:left;cursor:pointer;transition:background-color .15s}
.row:hover{background:var(--shade)}
.row .ends{flex:1;min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.row.pruned .ends,.row.dead .ends{color:var(--mute);text-decoration:line-through}
.row .mark{color:var(--faint);font-size:11px}
.row .bar{position:absolute;left:8px;bottom:2px;max-width:calc(100% - 16px);height:2px;border-radius:1px;background:var(--ink);opacity:.35}
.hints{display:grid;gap:8px;margin-top:8px;color:var(--mute)}
.hints div,.help dl div{display:grid;grid-template-columns:104px 1fr;align-items:baseline}
.hints dt,.help dt{white-space:nowrap}

.sheet{flex:none;display:flex;flex-direction:column;gap:8px;width:352px;padding:16px;border-left:1px solid var(--line);background:var(--bg);
  overflow:auto;overscroll-behavior:contain}
.sheet.wide{position:absolute;inset:0;z-index:2;width:auto;border:0}
.sheet header{flex:none;display:flex;align-items:center;justify-content:space-between;gap:8px;min-height:20px}
.sheet h2{font-size:14px}
.sheet .close{flex:none;width:24px;height:24px;margin:-2px -4px -2px 0}
.button[aria-pressed=true]{background:var(--accent-bg);color:var(--accent)}

.cut{padding:10px 20px 6px;border-top:1px solid var(--line);min-width:0}
.cut-head{display:flex;align-items:baseline;gap:16px;min-height:24px}
.cut-head .button{height:24px;padding:0 8px;margin:0 -8px 0 -4px}
.said{flex:1;min-width:0;color:var(--mute)}
.cut-text{color:var(--cut)}
.cost{white-space:nowrap}
.cost b{color:var(--ink)}
.hint,.legend{color:var(--mute);white-space:nowrap}
.legend i{display:inline-block;width:16px;height:2px;margin:0 6px 4px 0;border-radius:1px;background:var(--accent)}
.legend .chance{height:8px;margin:0 6px 0 14px;background:var(--ink);opacity:.15}
.track{position:relative;cursor:ew-resize;touch-action:pan-y;user-select:none;-webkit-user-select:none}
.plot{display:block;overflow:visible}
.plot .bar{fill:var(--ink);fill-opacity:.3}
.plot .bar.taken{fill:var(--cut);fill-opacity:.72}
.plot .axis{stroke:var(--edge)}
.plot .mark{stroke:var(--edge)}
.plot .beyond{fill:var(--shade)}
.plot .limit{stroke:var(--faint);stroke-dasharray:2 2}
.plot .control{fill:var(--ink);fill-opacity:.08}
.plot .foreseen{fill:none;stroke:var(--accent);stroke-width:2;stroke-linejoin:round}
.plot .reading{fill:var(--accent);stroke:var(--bg);stroke-width:2}
.plot .handle{stroke:var(--cut);stroke-width:2}
.plot .value{font-size:12px;font-weight:600;fill:var(--cut)}
.grip{position:absolute;width:24px;height:32px;transform:translate(-50%,-50%);cursor:ew-resize}
.grip::before{content:"";position:absolute;inset:6px 4px;border:2px solid var(--cut);border-radius:6px;background:var(--bg);transition:background-color .15s}
.grip:hover::before{background:var(--cut-bg)}
.grip:focus-visible{outline:none}
.grip:focus-visible::before{outline:2px solid var(--accent);outline-offset:2px}
.grip[aria-disabled=true]{display:none}
.gap{position:absolute;top:72px;width:24px;height:24px;margin-left:-12px;padding:0;border:0;background:none;cursor:pointer}
.gap::before{content:"";position:absolute;inset:9px;border:1.5px solid var(--mute);background:var(--bg);transform:rotate(45deg)}
.gap:hover::before{border-color:var(--cut);background:var(--cut)}

.footer{position:relative;display:flex;align-items:center;padding:7px 20px 6px;background:var(--panel);border-top:1px solid var(--line);color:var(--mute)}
.metrics{flex:1;display:flex;flex-wrap:wrap;gap:4px 16px;cursor:pointer}
.metric{flex:none;white-space:nowrap;transition:opacity .15s}
.metric .label{display:block;font-size:11px;line-height:14px}
.metric .value{display:block}
.metric b{color:var(--ink)}
.metric.count{min-width:76px}
.metric.loss,.metric.share{min-width:160px}
.stale .loss *,.stale .share *{color:var(--faint)}
.change{color:var(--ink)}
.waiting{position:absolute;right:0;top:0;bottom:0;display:flex;align-items:center;gap:8px;padding:0 20px 0 32px;white-space:nowrap;
  background:linear-gradient(90deg,transparent,var(--panel) 24px)}
.waiting b{color:var(--ink)}
.pulse{width:8px;height:8px;border-radius:50%;background:var(--mute);animation:pulse 1s ease-in-out infinite alternate}
@keyframes pulse{from{opacity:.25}}

.help{position:absolute;z-index:4;right:8px;top:calc(100% - 4px);width:min(352px,calc(100cqw - 18px));max-height:420px;overflow:auto;padding:16px;
  border:1px solid var(--edge);border-radius:8px;background:var(--bg);color:var(--ink)}
.help header{display:flex;justify-content:space-between;align-items:flex-start;margin:-4px -4px 8px 0}
.help h2{padding-top:4px}
.help dl{display:grid;gap:6px}
.help dd{color:var(--mute)}
.blank{display:grid;place-items:center;padding:48px 16px;color:var(--mute);grid-row:1/-1}

@container (max-width:1180px){
  .toolbar{gap:8px 10px}
  .field span{display:none}
  .group.end{gap:0}
  .group.end .button{padding:0 6px;gap:5px}
}
@container (max-width:720px){
  .toolbar{gap:8px}
  .end>.button{padding:0 6px}
  .end>.button kbd{display:none}
  .hint,.legend{display:none}
  .kan{height:auto;min-height:var(--asked);grid-template-rows:auto 1fr auto auto}
  .main{flex-direction:column}
  .diagram{flex:1 0 max(200px,calc(var(--asked) - 348px))}
  .inspector{width:auto;padding:8px 16px 12px;gap:4px;border-left:0;border-top:1px solid var(--line);overflow:visible}
  .inspector.idle{display:none}
  .sheet{width:auto;border-left:0;border-top:1px solid var(--line);max-height:360px}
  .inspector .titles{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;flex:1;gap:0 16px}
  .facts{display:grid;grid-template-columns:minmax(0,200px) minmax(0,1fr);gap:16px;align-items:start}
  .actions{bottom:-12px;margin-bottom:-12px;padding-bottom:12px}
  .cut{padding:8px 16px}
  .footer{padding:6px 16px}
  .metric.count{min-width:64px}
  .metric.loss,.metric.share{min-width:136px}
}
@media (prefers-reduced-motion:reduce){*{transition:none!important;animation:none!important}}
@media (forced-colors:active){.kan{border-color:CanvasText}.world [role=option][aria-selected=true]{outline:2px solid Highlight}}
`;
