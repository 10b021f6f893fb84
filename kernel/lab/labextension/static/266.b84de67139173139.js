"use strict";(self.rspackChunkprovenance_lab=self.rspackChunkprovenance_lab||[]).push([[266],{646(e,n,a){var r=a(601),t=a.n(r),o=a(314),c=(a.n(o))()(t());c.push([e.id,`/* Stages at the cell's edge and in its corner; fills are after Okabe and Ito, as in pictures of lineage. */
:root {
  --provenance-0: #0072b2;
  --provenance-1: #b86a00;
  --provenance-2: #00805c;
  --provenance-3: #a8487e;
  --provenance-4: #8a7d00;
  --provenance-5: #554fa3;
  --provenance-warn: #a33a00;
}

[data-jp-theme-light="false"] {
  --provenance-0: #56b4e9;
  --provenance-1: #e69f00;
  --provenance-2: #2fc79a;
  --provenance-3: #e08cc0;
  --provenance-4: #e0d24a;
  --provenance-5: #a7a1f0;
  --provenance-warn: #ffab7a;
}

[data-provenance-stage="0"] { --provenance-stage: var(--provenance-0); }
[data-provenance-stage="1"] { --provenance-stage: var(--provenance-1); }
[data-provenance-stage="2"] { --provenance-stage: var(--provenance-2); }
[data-provenance-stage="3"] { --provenance-stage: var(--provenance-3); }
[data-provenance-stage="4"] { --provenance-stage: var(--provenance-4); }
[data-provenance-stage="5"] { --provenance-stage: var(--provenance-5); }

.jp-Notebook .jp-Cell[data-provenance-stage]:not([data-provenance-stage=""]) {
  margin-left: -3px;
  border-left: 3px solid var(--provenance-stage);
}

[data-provenance-stage] > .jp-Cell-inputWrapper { position: relative; }

/* Half of it lies in the gap below the input, where no code is. */
.provenance-mark {
  position: absolute;
  right: 8px;
  bottom: -8px;
  z-index: 1;
  max-width: 75%;
  overflow: hidden;
  padding: 0 6px;
  border: 1px solid var(--provenance-stage, var(--jp-border-color1));
  border-radius: 8px;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font: 11px/14px var(--jp-ui-font-family);
  text-overflow: ellipsis;
  white-space: nowrap;
}

.provenance-mark:empty { display: none; }
.provenance-stale { color: var(--provenance-warn); font-weight: 600; }

.provenance-picker select {
  max-width: 12em;
  height: 20px;
  border: 0;
  background: transparent;
  color: var(--jp-ui-font-color1);
  font: 11px var(--jp-ui-font-family);
}

.provenance-picker option { background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); }
.provenance-picker select:focus-visible { outline: 2px solid var(--jp-brand-color1); }

.provenance-panel iframe { width: 100%; height: 100%; border: 0; background: var(--jp-layout-color0); }
`,""]),a.d(n,{},{A:c})},314(e){e.exports=function(e){var n=[];return n.toString=function(){return this.map(function(n){var a="",r=void 0!==n[5];return n[4]&&(a+="@supports (".concat(n[4],") {")),n[2]&&(a+="@media ".concat(n[2]," {")),r&&(a+="@layer".concat(n[5].length>0?" ".concat(n[5]):""," {")),a+=e(n),r&&(a+="}"),n[2]&&(a+="}"),n[4]&&(a+="}"),a}).join("")},n.i=function(e,a,r,t,o){"string"==typeof e&&(e=[[null,e,void 0]]);var c={};if(r)for(var p=0;p<this.length;p++){var i=this[p][0];null!=i&&(c[i]=!0)}for(var s=0;s<e.length;s++){var l=[].concat(e[s]);r&&c[l[0]]||(void 0!==o&&(void 0===l[5]||(l[1]="@layer".concat(l[5].length>0?" ".concat(l[5]):""," {").concat(l[1],"}")),l[5]=o),a&&(l[2]&&(l[1]="@media ".concat(l[2]," {").concat(l[1],"}")),l[2]=a),t&&(l[4]?(l[1]="@supports (".concat(l[4],") {").concat(l[1],"}"),l[4]=t):l[4]="".concat(t)),n.push(l))}},n}},601(e){e.exports=function(e){return e[1]}},665(e,n,a){a.r(n);var r=a(72),t=a.n(r),o=a(825),c=a.n(o),p=a(659),i=a.n(p),s=a(56),l=a.n(s),v=a(540),u=a.n(v),d=a(113),f=a.n(d),h=a(646),g={};g.styleTagTransform=f(),g.setAttributes=l(),g.insert=i().bind(null,"head"),g.domAPI=c(),g.insertStyleElement=u(),t()(h.A,g);let m=h.A&&h.A.locals?h.A.locals:void 0;a.d(n,{},{default:m})},72(e){var n=[];function a(e){for(var a=-1,r=0;r<n.length;r++)if(n[r].identifier===e){a=r;break}return a}function r(e,r){for(var t={},o=[],c=0;c<e.length;c++){var p=e[c],i=r.base?p[0]+r.base:p[0],s=t[i]||0,l="".concat(i," ").concat(s);t[i]=s+1;var v=a(l),u={css:p[1],media:p[2],sourceMap:p[3],supports:p[4],layer:p[5]};if(-1!==v)n[v].references++,n[v].updater(u);else{var d=function(e,n){var a=n.domAPI(n);return a.update(e),function(n){n?(n.css!==e.css||n.media!==e.media||n.sourceMap!==e.sourceMap||n.supports!==e.supports||n.layer!==e.layer)&&a.update(e=n):a.remove()}}(u,r);r.byIndex=c,n.splice(c,0,{identifier:l,updater:d,references:1})}o.push(l)}return o}e.exports=function(e,t){var o=r(e=e||[],t=t||{});return function(e){e=e||[];for(var c=0;c<o.length;c++){var p=a(o[c]);n[p].references--}for(var i=r(e,t),s=0;s<o.length;s++){var l=a(o[s]);0===n[l].references&&(n[l].updater(),n.splice(l,1))}o=i}}},659(e){var n={};e.exports=function(e,a){var r=function(e){if(void 0===n[e]){var a=document.querySelector(e);if(window.HTMLIFrameElement&&a instanceof window.HTMLIFrameElement)try{a=a.contentDocument.head}catch(e){a=null}n[e]=a}return n[e]}(e);if(!r)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");r.appendChild(a)}},540(e){e.exports=function(e){var n=document.createElement("style");return e.setAttributes(n,e.attributes),e.insert(n,e.options),n}},56(e,n,a){e.exports=function(e){var n=a.nc;n&&e.setAttribute("nonce",n)}},825(e){e.exports=function(e){if("u"<typeof document)return{update:function(){},remove:function(){}};var n=e.insertStyleElement(e);return{update:function(a){var r,t,o;r="",a.supports&&(r+="@supports (".concat(a.supports,") {")),a.media&&(r+="@media ".concat(a.media," {")),(t=void 0!==a.layer)&&(r+="@layer".concat(a.layer.length>0?" ".concat(a.layer):""," {")),r+=a.css,t&&(r+="}"),a.media&&(r+="}"),a.supports&&(r+="}"),(o=a.sourceMap)&&"u">typeof btoa&&(r+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(o))))," */")),e.styleTagTransform(r,n,e.options)},remove:function(){var e;null===(e=n).parentNode||e.parentNode.removeChild(e)}}}},113(e){e.exports=function(e,n){if(n.styleSheet)n.styleSheet.cssText=e;else{for(;n.firstChild;)n.removeChild(n.firstChild);n.appendChild(document.createTextNode(e))}}}}]);